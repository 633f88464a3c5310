"""Collections of documents: what was read, its passages and their vectors, each change in one transaction.

A document is replaced with its passages and vectors at once, and the generation moves with it, so a search sees one
state or the other. Rows carry hashes of their own; what does not match is refused, never served.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.domain.ask import Scope
from afina.domain.document import Document, Passage, digest
from afina.errors import BrokenArtefact, NotFound, nearest
from afina.store._marks import marking_lines
from afina.store.db import Store

Vectors = NDArray[np.float32]
ROWS_AT_ONCE = 500

_PASSAGES = """
    SELECT p.*, d.name AS document, json_extract(d.body, '$.lang') AS lang
    FROM passages p JOIN documents d USING (project, collection)
    WHERE d.id = p.document_id AND p.project = ? AND p.collection = ?
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a stored file without reading it. embedded: all its passages have vectors of the embedder."""

    id: str
    sha256: str
    embedded: bool


@dataclass(frozen=True, slots=True)
class Collections:
    """The `Passages` of a workspace, and the only place that changes them."""

    store: Store

    # --- reading ---

    def names(self, scope: Scope) -> list[str]:
        with self.store.reading() as db:
            rows = db.execute("SELECT name FROM collections WHERE project = ? ORDER BY name", (scope.project,))
            return [row["name"] for row in rows]

    def generation(self, scope: Scope, collection: str) -> int:
        """0 for a collection that has never been written to."""
        with self.store.reading() as db:
            row = db.execute(
                "SELECT generation FROM collections WHERE project = ? AND name = ?", (scope.project, collection)
            ).fetchone()
            return int(row["generation"]) if row else 0

    def documents(self, scope: Scope, collection: str) -> Iterator[Document]:
        """By name. Raises BrokenArtefact."""
        with self.store.reading() as db:
            rows = db.execute(
                "SELECT * FROM documents WHERE project = ? AND collection = ? ORDER BY name",
                (scope.project, collection),
            )
            for row in rows:
                yield _document(row)

    def document(self, scope: Scope, collection: str, name: str) -> Document:
        """Raises: NotFound, BrokenArtefact."""
        with self.store.reading() as db:
            row = db.execute(
                "SELECT * FROM documents WHERE project = ? AND collection = ? AND name = ?",
                (scope.project, collection, name),
            ).fetchone()
            if row is None:
                known = [
                    r["name"]
                    for r in db.execute(
                        "SELECT name FROM documents WHERE project = ? AND collection = ?", (scope.project, collection)
                    )
                ]
                near = nearest(name, known) if len(known) < 1000 else ""
                raise NotFound(f'no document of the collection "{collection}" is called "{name}"{near}')
            return _document(row)

    def passages(self, scope: Scope, collection: str) -> Iterator[Passage]:
        """By document name and place in it. Raises BrokenArtefact."""
        with self.store.reading() as db:
            for row in db.execute(_PASSAGES + " ORDER BY d.name, p.ordinal", (scope.project, collection)):
                yield _passage(row)

    def some(self, scope: Scope, collection: str, ids: Sequence[str]) -> list[Passage]:
        """Those of the passages that still exist, in the order of `ids`. Raises BrokenArtefact."""
        found: dict[str, Passage] = {}
        with self.store.reading() as db:
            for start in range(0, len(ids), ROWS_AT_ONCE):
                part = ids[start : start + ROWS_AT_ONCE]
                wanted = _PASSAGES + f" AND p.id IN ({','.join('?' * len(part))})"
                for row in db.execute(wanted, (scope.project, collection, *part)):
                    found[row["id"]] = _passage(row)
        return [found[id] for id in ids if id in found]

    def vectors(self, scope: Scope, collection: str, embedder: str) -> Iterator[tuple[str, Vectors]]:
        """(passage id, vector) of those stored for an embedder's digest. Raises BrokenArtefact."""
        with self.store.reading() as db:
            rows = db.execute(
                "SELECT * FROM vectors WHERE project = ? AND collection = ? AND embedder = ? ORDER BY passage_id",
                (scope.project, collection, embedder),
            )
            for row in rows:
                if hashlib.sha256(row["vector"]).hexdigest() != row["check_sha"]:
                    raise BrokenArtefact(f"the vector of passage {row['passage_id']} is not as it was stored")
                yield row["passage_id"], np.frombuffer(row["vector"], "<f2").astype(np.float32)

    def stored(self, scope: Scope, collection: str, *, embedder: str) -> dict[str, Stored]:
        """What is known of every document, by name."""
        with self.store.reading() as db:
            rows = db.execute(
                """
                SELECT d.name, d.id, d.sha256, count(p.id) AS passages, count(v.passage_id) AS vectors
                FROM documents d
                LEFT JOIN passages p ON (p.project, p.collection, p.document_id) = (d.project, d.collection, d.id)
                LEFT JOIN vectors v ON (v.project, v.collection, v.passage_id) = (p.project, p.collection, p.id)
                    AND v.embedder = ?
                WHERE d.project = ? AND d.collection = ? GROUP BY d.id
                """,
                (embedder, scope.project, collection),
            )
            return {r["name"]: Stored(r["id"], r["sha256"], r["passages"] == r["vectors"]) for r in rows}

    def passages_of(self, scope: Scope, collection: str, document_id: str) -> list[Passage]:
        """In the order of the text. Raises BrokenArtefact."""
        with self.store.reading() as db:
            rows = db.execute(
                _PASSAGES + " AND p.document_id = ? ORDER BY p.ordinal", (scope.project, collection, document_id)
            )
            return [_passage(row) for row in rows]

    # --- writing ---

    def replace(
        self,
        scope: Scope,
        collection: str,
        document: Document,
        passages: Sequence[Passage],
        *,
        embedder: str,
        vectors: Vectors,
    ) -> bool:
        """Store a document with its passages and their vectors (passages, dim) instead of the one of its name, if any.

        One transaction. Returns whether there was one.
        """
        where = (scope.project, collection)
        with self.store.writing() as db:
            _move_on(db, scope, collection)
            before = db.execute(
                "DELETE FROM documents WHERE project = ? AND collection = ? AND name = ?", (*where, document.name)
            ).rowcount
            db.execute(
                "INSERT INTO documents (project, collection, id, name, sha256, text, body, added) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*where, document.id, document.name, document.sha256, document.text, _body(document), time.time()),
            )
            db.executemany(
                "INSERT INTO passages (project, collection, id, document_id, ordinal, start, stop, page, heading, "
                "text, check_sha) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (*where, p.id, document.id, n, p.start, p.end, p.page, p.heading, p.text, _check(p))
                    for n, p in enumerate(passages)
                ],
            )
            _put_vectors(db, where, embedder, passages, vectors)
        return bool(before)

    def add_vectors(
        self, scope: Scope, collection: str, passages: Sequence[Passage], *, embedder: str, vectors: Vectors
    ) -> None:
        """Vectors of another embedder for passages that are stored already."""
        with self.store.writing() as db:
            _move_on(db, scope, collection)
            _put_vectors(db, (scope.project, collection), embedder, passages, vectors)

    def remove(self, scope: Scope, collection: str, name: str) -> int:
        """Remove a document and everything made from it; returns how many passages went.

        Examples go too that belong to the document, name it, or quote a line of its passages. What studies hold of it
        is for `studies.erase_document`: their scores stay.

        Raises:
            NotFound: no such document; names the nearest.
        """
        document = self.document(scope, collection, name)
        where = (scope, collection, document.id)
        passages = self.passages_of(*where)
        marks = _marks(name, [passage.text for passage in passages])
        with self.store.writing() as db:
            _move_on(db, scope, collection)
            db.execute(
                "DELETE FROM documents WHERE project = ? AND collection = ? AND id = ?", (scope.project, *where[1:])
            )
            db.create_function("afina_bears", 1, lambda text: any(mark in text for mark in marks))
            db.execute(
                "DELETE FROM examples WHERE project = ? AND (group_name = ? OR afina_bears(messages))",
                (scope.project, name),
            )
        return len(passages)


def _marks(name: str, texts: Sequence[str]) -> set[str]:
    """What in a row of JSON betrays that it holds something of a document: its name, or a long line of a passage."""
    said = [json.dumps(line, ensure_ascii=plain)[1:-1] for line in marking_lines(texts) for plain in (False, True)]
    return {json.dumps(name, ensure_ascii=plain) for plain in (False, True)} | set(said)


def _move_on(db: Any, scope: Scope, collection: str) -> None:
    """A new generation. It follows the clock, so that a restored database never meets the index of another history."""
    now = time.time()
    db.execute(
        "INSERT INTO collections (project, name, generation, created) VALUES (?, ?, ?, ?) ON CONFLICT (project, name) "
        "DO UPDATE SET generation = max(generation + 1, excluded.generation)",
        (scope.project, collection, int(now * 1e6), now),
    )


def _put_vectors(db: Any, where: tuple[str, str], embedder: str, passages: Sequence[Passage], vectors: Vectors) -> None:
    blobs = [vector.astype("<f2").tobytes() for vector in vectors]
    db.executemany(
        "INSERT OR REPLACE INTO vectors (project, collection, passage_id, embedder, vector, check_sha) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            (*where, passage.id, embedder, blob, hashlib.sha256(blob).hexdigest())
            for passage, blob in zip(passages, blobs, strict=True)
        ],
    )


def _body(document: Document) -> str:
    return json.dumps(
        {
            "title": document.title,
            "lang": document.lang,
            "pages": document.pages,
            "headings": document.headings,
            "attributes": dict(document.attributes),
            "text_sha": digest(document.text),
        },
        ensure_ascii=False,
    )


def _document(row: Any) -> Document:
    body = json.loads(row["body"])
    if digest(row["text"]) != body["text_sha"]:
        raise BrokenArtefact(f'the text of "{row["name"]}" is not as it was stored; add the file again')
    return Document(
        id=row["id"],
        name=row["name"],
        title=body["title"],
        text=row["text"],
        sha256=row["sha256"],
        lang=body["lang"],
        pages=tuple(body["pages"]),
        headings=tuple((start, level, text) for start, level, text in body["headings"]),
        attributes=body["attributes"],
    )


def _passage(row: Any) -> Passage:
    passage = Passage(
        id=row["id"],
        document_id=row["document_id"],
        document=row["document"],
        text=row["text"],
        start=row["start"],
        end=row["stop"],
        page=row["page"],
        heading=row["heading"],
        lang=row["lang"] or "",
    )
    if _check(passage) != row["check_sha"]:
        raise BrokenArtefact(
            f'passage {passage.id} of "{passage.document}" is not as it was stored; add the file again'
        )
    return passage


def _check(passage: Passage) -> str:
    return digest(passage.text, passage.heading, str(passage.start), str(passage.end), str(passage.page))
