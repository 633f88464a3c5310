"""Studies, their finished rows and the messages that models read. A study is found again by its id, which follows from
what it measures."""

import json
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from typing import Any

from afina.domain.answer import Used
from afina.domain.ask import Scope
from afina.domain.row import Row, Source
from afina.errors import NotFound, nearest
from afina.store._marks import marking_lines
from afina.store.db import Store

ERASED = "(erased with its document)"

Texts = Mapping[str, tuple[str, str]]
"""digest -> (role, content) of messages that rows name."""


@dataclass(frozen=True, slots=True)
class Study:
    """body: what it measures, and its summary once finished, as JSON values."""

    id: str
    name: str
    created: float
    body: Mapping[str, Any]


def begin(store: Store, scope: Scope, study_id: str, *, name: str, body: Mapping[str, Any]) -> Study:
    """The study of this id: as it stands if it was begun before, under the name that it is given now, else new."""
    with store.writing() as db:
        db.execute(
            "INSERT INTO studies (project, id, name, created, body) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (project, id) DO UPDATE SET name = excluded.name",
            (scope.project, study_id, name, time.time(), json.dumps(body, ensure_ascii=False)),
        )
        return find(store, scope, study_id)


def find(store: Store, scope: Scope, study_id: str) -> Study:
    """Raises NotFound, also for another project's study."""
    with store.reading() as db:
        row = db.execute("SELECT * FROM studies WHERE project = ? AND id = ?", (scope.project, study_id)).fetchone()
    if row is None:
        raise NotFound(f'no study "{study_id}"')
    return _study(row)


def called(store: Store, scope: Scope, name: str) -> Study:
    """By id, by the beginning of an id that only one study has, or the newest of a name.

    Raises:
        NotFound: names the nearest.
    """
    every = latest(store, scope, limit=-1)
    found = next((s for s in every if name in (s.id, s.name)), None)
    begins = [s for s in every if name and s.id.removeprefix("study-").startswith(name.removeprefix("study-"))]
    if found is None and len(begins) == 1:
        found = begins[0]
    if found is None:
        raise NotFound(f'no study "{name}"{nearest(name, [n for s in every for n in (s.name, s.id)])}')
    return found


def latest(store: Store, scope: Scope, *, limit: int = 20) -> list[Study]:
    """Newest first; limit -1: all of them."""
    with store.reading() as db:
        rows = db.execute(
            "SELECT * FROM studies WHERE project = ? ORDER BY created DESC, id LIMIT ?", (scope.project, limit)
        ).fetchall()
    return [_study(r) for r in rows]


def describe(store: Store, scope: Scope, study_id: str, more: Mapping[str, Any]) -> None:
    """Add to what is known of a study (its summary, once finished)."""
    with store.writing() as db:
        body = {**find(store, scope, study_id).body, **more}
        db.execute(
            "UPDATE studies SET body = ? WHERE project = ? AND id = ?",
            (json.dumps(body, ensure_ascii=False), scope.project, study_id),
        )


def keep(store: Store, scope: Scope, study_id: str, rows: Sequence[Row], texts: Texts | None = None) -> None:
    """Finished rows and the messages that they name, all or none; a row that is there already is replaced."""
    with store.writing() as db:
        db.executemany(
            "INSERT OR IGNORE INTO study_texts (project, study, digest, role, content) VALUES (?, ?, ?, ?, ?)",
            [(scope.project, study_id, name, role, content) for name, (role, content) in (texts or {}).items()],
        )
        db.executemany(
            "INSERT OR REPLACE INTO study_rows (project, study, arm, case_id, pass, block, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(scope.project, study_id, r.arm, r.case, r.turn, r.block, _body(r)) for r in rows],
        )


def rows_of(store: Store, scope: Scope, study_id: str) -> list[Row]:
    with store.reading() as db:
        rows = db.execute(
            "SELECT * FROM study_rows WHERE project = ? AND study = ? ORDER BY arm, pass, block, case_id",
            (scope.project, study_id),
        ).fetchall()
    return [_row(r) for r in rows]


def texts_of(store: Store, scope: Scope, study_id: str) -> dict[str, tuple[str, str]]:
    with store.reading() as db:
        rows = db.execute(
            "SELECT digest, role, content FROM study_texts WHERE project = ? AND study = ?", (scope.project, study_id)
        ).fetchall()
    return {r["digest"]: (r["role"], r["content"]) for r in rows}


def forget(store: Store, scope: Scope, study_id: str) -> None:
    """Remove a study and its rows, to measure it anew."""
    with store.writing() as db:
        db.execute("DELETE FROM studies WHERE project = ? AND id = ?", (scope.project, study_id))


def erase_document(store: Store, scope: Scope, document: str, texts: Sequence[str] = ()) -> int:
    """Erase what answers said where a document stood in the prompt, or that quote it, those prompts, and what cases
    quote of it; the number of rows. Scores stay, so reports show the figures that they showed.

    texts: of its passages. Messages that other rows read too (instructions, demonstrations) stay, unless they quote it.
    """
    quotes, erased = marking_lines(texts), 0
    with store.writing() as db:
        for study in latest(store, scope, limit=-1):
            rows, known = rows_of(store, scope, study.id), texts_of(store, scope, study.id)
            quoting = {name for name, (_, content) in known.items() if _quotes(content, quotes)}
            touched = [row for row in rows if _holds(row, document, quotes) or _named(row) & quoting]
            keys = {row.key for row in touched}
            shared = {name for row in rows if row.key not in keys for name in _named(row)}
            gone = {name for row in touched for name in _named(row)} - shared | quoting
            db.executemany(
                "DELETE FROM study_texts WHERE project = ? AND study = ? AND digest = ?",
                [(scope.project, study.id, name) for name in gone],
            )
            keep(store, scope, study.id, [_erased(row, document) for row in touched])
            _erase_spans(store, scope, study, document)
            erased += len(touched)
    return erased


def _quotes(text: str, quotes: Set[str]) -> bool:
    return any(line in text for line in quotes)


def _holds(row: Row, document: str, quotes: Set[str]) -> bool:
    said = "\n".join((row.answer, *row.whys.values()))
    return any(s.document == document for s in row.sources) or _quotes(said, quotes)


def _erased(row: Row, document: str) -> Row:
    sources = tuple(s for s in row.sources if s.document != document)
    return replace(row, answer=ERASED, prompts=(), whys={}, sources=sources)


def _erase_spans(store: Store, scope: Scope, study: Study, document: str) -> None:
    cases = study.body.get("cases", ())
    if any(case["span"] for case in cases if case["document"] == document):
        kept = [{**case, "span": ""} if case["document"] == document else case for case in cases]
        describe(store, scope, study.id, {"cases": kept})


def _named(row: Row) -> set[str]:
    return {name for prompt in row.prompts for name in prompt}


def _study(row: Any) -> Study:
    return Study(row["id"], row["name"], row["created"], json.loads(row["body"]))


def _body(row: Row) -> str:
    body = {**asdict(row), "used": asdict(row.used)}
    return json.dumps({k: v for k, v in body.items() if k not in ("arm", "case", "turn", "block")}, ensure_ascii=False)


def _row(stored: Any) -> Row:
    body = json.loads(stored["body"])
    body["used"] = Used(**body["used"])
    body["sources"] = tuple(Source(**s) for s in body["sources"])
    body["prompts"] = tuple(tuple(p) for p in body.get("prompts", ()))
    return Row(arm=stored["arm"], case=stored["case_id"], turn=stored["pass"], block=stored["block"], **body)
