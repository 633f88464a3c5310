"""Both searches over one generation of a collection, as files that are mapped, not loaded.

Made from the store and only from it. Passages are known by their row and id; their text stays in the store.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.contracts import Embedder, Passages
from afina.domain.ask import Scope
from afina.knowledge.retrievers._files import mapped, save
from afina.knowledge.retrievers._lexical import Bm25, Lexical, lexical_of
from afina.knowledge.split import searched

ROWS_AT_ONCE = 512
POSTINGS = ("hashes", "starts", "rows", "impacts", "lengths")
BUILT_IN = ("document", "lang")
"""Filters that need no attribute of that name."""


@dataclass(frozen=True, slots=True)
class Index:
    """ids (passages,) of bytes; documents (passages,) int32: place in `about`; vectors (passages, dim) float32.

    about: by document, its attributes with 'document' (its name) and 'lang' put in where it has none of that name.
    """

    ids: NDArray[np.bytes_]
    documents: NDArray[np.int32]
    about: Sequence[Mapping[str, str]]
    lexical: Lexical
    vectors: NDArray[np.float32]

    def rows_where(self, where: Mapping[str, str]) -> NDArray[np.int64]:
        """Rows of passages all of whose filters match, rising."""
        fits = [all(about.get(name) == value for name, value in where.items()) for about in self.about]
        rows: NDArray[np.int64] = np.flatnonzero(np.array(fits, bool)[self.documents])
        return rows

    def named(self, rows: Iterable[int]) -> list[str]:
        return [bytes(self.ids[row]).decode() for row in rows]


def fill(folder: Path, source: Passages, scope: Scope, collection: str, *, embedder: Embedder, bm25: Bm25) -> int:
    """Write the files of an index; returns how many passages it has."""
    places, about = _documents(source, scope, collection)
    known = [about[place]["lang"] for place in places.values()]
    main = max(set(known) - {""}, key=known.count, default="xx")
    listed: list[tuple[str, int]] = []

    def reading() -> Iterator[tuple[str, str]]:
        for passage in source.passages(scope, collection):
            if passage.document_id not in places:  # stored after the documents were listed: of the next generation
                continue
            listed.append((passage.id, places[passage.document_id]))
            yield searched(passage), passage.lang or main

    lexical = lexical_of(reading(), bm25)
    ids = np.array([id.encode() for id, _ in listed], dtype=np.bytes_) if listed else np.zeros(0, "S1")
    save(folder, {"ids": ids, "documents": np.array([place for _, place in listed], np.int32)})
    save(folder, {name: getattr(lexical, name) for name in POSTINGS})
    kept = {"documents": about, "languages": lexical.languages}
    (folder / "about.json").write_text(json.dumps(kept, ensure_ascii=False))
    _write_vectors(folder, source, scope, collection, ids=[id for id, _ in listed], embedder=embedder)
    return len(listed)


def opened(folder: Path) -> Index:
    """The index of a folder whose files were verified."""
    kept: dict[str, Any] = json.loads((folder / "about.json").read_bytes())
    postings = {name: mapped(folder, name) for name in POSTINGS}
    lexical = Lexical(**postings, languages=tuple(kept["languages"]))
    return Index(
        mapped(folder, "ids"), mapped(folder, "documents"), kept["documents"], lexical, mapped(folder, "vectors")
    )


def _documents(source: Passages, scope: Scope, collection: str) -> tuple[dict[str, int], list[dict[str, str]]]:
    places: dict[str, int] = {}
    about: list[dict[str, str]] = []
    for document in source.documents(scope, collection):
        places[document.id] = len(about)
        about.append({"document": document.name, "lang": document.lang, **document.attributes})
    return places, about


def _write_vectors(
    folder: Path, source: Passages, scope: Scope, collection: str, *, ids: Sequence[str], embedder: Embedder
) -> None:
    """Those of the store; passages that have none are embedded now, a few at a time."""
    vectors = np.lib.format.open_memmap(
        folder / "vectors.npy", mode="w+", dtype=np.float32, shape=(len(ids), embedder.dim)
    )
    rows = {id: row for row, id in enumerate(ids)}
    missing = set(ids)
    for id, vector in source.vectors(scope, collection, embedder.digest):
        if id in missing:
            vectors[rows[id]] = _unit(vector)
            missing.discard(id)
    lacking = [id for id in ids if id in missing]
    for start in range(0, len(lacking), ROWS_AT_ONCE):
        some = source.some(scope, collection, lacking[start : start + ROWS_AT_ONCE])
        vectors[[rows[p.id] for p in some]] = embedder.embed([searched(p) for p in some])
    vectors.flush()


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Length 1 again, after its storage in 16 bits."""
    wide = vector.astype(np.float32)
    result: NDArray[np.float32] = wide / max(float(np.linalg.norm(wide)), 1e-12)
    return result
