"""Studies and their finished rows. A study is found again by its id, which follows from what it measures."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from afina.domain.answer import Used
from afina.domain.ask import Scope
from afina.domain.report import Row, Source
from afina.errors import NotFound
from afina.store.db import Store

ERASED = "(erased with its document)"


@dataclass(frozen=True, slots=True)
class Study:
    """body: what it measures, and its summary once finished, as JSON values."""

    id: str
    name: str
    created: float
    body: Mapping[str, Any]


def begin(store: Store, scope: Scope, study_id: str, *, name: str, body: Mapping[str, Any]) -> Study:
    """The study of this id: as it stands if it was begun before, else new."""
    with store.writing() as db:
        db.execute(
            "INSERT INTO studies (project, id, name, created, body) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (project, id) DO NOTHING",
            (scope.project, study_id, name, time.time(), json.dumps(body, ensure_ascii=False)),
        )
        return find(store, scope, study_id)


def find(store: Store, scope: Scope, study_id: str) -> Study:
    """Raises NotFound, also for another project's study."""
    with store.reading() as db:
        row = db.execute("SELECT * FROM studies WHERE project = ? AND id = ?", (scope.project, study_id)).fetchone()
    if row is None:
        raise NotFound(f'no study "{study_id}"')
    return Study(row["id"], row["name"], row["created"], json.loads(row["body"]))


def latest(store: Store, scope: Scope, *, limit: int = 20) -> list[Study]:
    """Newest first."""
    with store.reading() as db:
        rows = db.execute(
            "SELECT * FROM studies WHERE project = ? ORDER BY created DESC, id LIMIT ?", (scope.project, limit)
        ).fetchall()
    return [Study(r["id"], r["name"], r["created"], json.loads(r["body"])) for r in rows]


def describe(store: Store, scope: Scope, study_id: str, more: Mapping[str, Any]) -> None:
    """Add to what is known of a study (its summary, once finished)."""
    with store.writing() as db:
        body = {**find(store, scope, study_id).body, **more}
        db.execute(
            "UPDATE studies SET body = ? WHERE project = ? AND id = ?",
            (json.dumps(body, ensure_ascii=False), scope.project, study_id),
        )


def keep(store: Store, scope: Scope, study_id: str, rows: Sequence[Row]) -> None:
    """Finished rows, all or none; a row that is there already is replaced."""
    with store.writing() as db:
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


def forget(store: Store, scope: Scope, study_id: str) -> None:
    """Remove a study and its rows, to measure it anew."""
    with store.writing() as db:
        db.execute("DELETE FROM studies WHERE project = ? AND id = ?", (scope.project, study_id))


def erase_document(store: Store, scope: Scope, document: str) -> int:
    """Erase what answers said where a document stood in the prompt; the number of rows. Scores stay."""
    with store.writing() as db:
        found = db.execute("SELECT * FROM study_rows WHERE project = ?", (scope.project,)).fetchall()
        rows = [(r["study"], _row(r)) for r in found]
        touched = [(study_id, row) for study_id, row in rows if any(s.document == document for s in row.sources)]
        for study_id, row in touched:
            keep(store, scope, study_id, [replace(row, answer=ERASED)])
    return len(touched)


def _body(row: Row) -> str:
    body = {**asdict(row), "used": asdict(row.used)}
    return json.dumps({k: v for k, v in body.items() if k not in ("arm", "case", "turn", "block")}, ensure_ascii=False)


def _row(stored: Any) -> Row:
    body = json.loads(stored["body"])
    body["used"] = Used(**body["used"])
    body["sources"] = tuple(Source(**s) for s in body["sources"])
    return Row(arm=stored["arm"], case=stored["case_id"], turn=stored["pass"], block=stored["block"], **body)
