"""Words and meaning together: BM25 with stems by language, exact dense search, and a declared way to mix them.

Both searches look at every passage, so scores are exact; memory is that of a float32 matrix, mapped from disk
(100,000 passages of 384 dimensions: 154 MB). Beyond a few hundred thousand passages an approximate index is wanted.
"""

import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from afina.contracts import Embedder, Passages
from afina.domain.ask import Scope
from afina.domain.document import Found, digest
from afina.domain.example import share_of
from afina.errors import BrokenArtefact, Conflict
from afina.knowledge.retrievers import _files, _index
from afina.knowledge.retrievers._fusing import best_rows, candidates, convex, reciprocal
from afina.knowledge.retrievers._index import Index
from afina.knowledge.retrievers._lexical import Bm25
from afina.knowledge.retrievers._weighing import MOST, Weight, chosen_weight, questions_of

FORMAT = 1
TRIES = 5
GROWTH = 0.2
"""A weight is chosen anew when the number of passages has changed by more than this share."""


class Options(BaseModel):
    """fusion: how the two searches are mixed, or which one stands alone.

    weight: of the words in the convex mix, in [0, 1]; 'auto' chooses it on the collection's own passages.
    depth: how many of the best of each search are candidates. k1, b: of BM25.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fusion: Literal["convex", "reciprocal", "lexical", "dense"] = "convex"
    weight: Literal["auto"] | float = "auto"
    depth: int = Field(default=1000, ge=10, le=100_000)
    k1: float = Field(default=1.2, ge=0, le=10)
    b: float = Field(default=0.75, ge=0, le=1)


class Hybrid:
    """Searches one collection; safe to share between threads. Its files are rebuilt when the collection changes."""

    def __init__(
        self, options: Options, *, passages: Passages, embedder: Embedder, folder: Path, collection: str
    ) -> None:
        self._options, self._passages, self._embedder = options, passages, embedder
        self._folder, self._collection = folder, collection
        self._bm25 = Bm25(options.k1, options.b)
        self._open: dict[str, tuple[int, Index, Weight]] = {}
        self._lock = threading.RLock()

    def search(self, scope: Scope, query: str, *, top_k: int, where: Mapping[str, str] | None = None) -> list[Found]:
        """As the contract says; `where` also knows 'document' (the name) and 'lang'.

        Raises:
            Conflict: the collection changed five times while it was being read.
        """
        if not query.strip() or top_k < 1:
            return []
        for _ in range(TRIES):
            index, weight = self.index(scope)
            found = self._found(scope, index, weight, query, top_k, where=where)
            if found is not None:
                return found
        raise Conflict(f'the collection "{self._collection}" keeps changing; search again in a moment')

    def weight(self, scope: Scope) -> Weight:
        """What the words count for in this collection now."""
        return self.index(scope)[1]

    def _found(
        self,
        scope: Scope,
        index: Index,
        weight: Weight,
        query: str,
        top_k: int,
        *,
        where: Mapping[str, str] | None,
    ) -> list[Found] | None:
        """None if a passage is gone: the collection has moved on."""
        allowed = index.rows_where(where) if where else None
        if not len(index.ids) or (allowed is not None and not len(allowed)):
            return []
        fusion = self._options.fusion
        lexical = index.lexical.scores(query) if fusion != "dense" else None
        dense = index.vectors @ self._embedder.embed([query], kind="query")[0] if fusion != "lexical" else None
        rows, scores = self._ranked(lexical, dense, weight, top_k, allowed=allowed)
        passages = self._passages.some(scope, self._collection, index.named(rows))
        if len(passages) < len(rows):
            return None
        return [
            Found(
                passage,
                float(score),
                lexical=None if lexical is None else float(lexical[row]),
                dense=None if dense is None else float(dense[row]),
            )
            for passage, row, score in zip(passages, rows.tolist(), scores, strict=True)
        ]

    def _ranked(
        self,
        lexical: NDArray[np.float32] | None,
        dense: NDArray[np.float32] | None,
        weight: Weight,
        top_k: int,
        *,
        allowed: NDArray[np.int64] | None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(rows, their scores), best first; words alone find nothing where no word is shared."""
        if lexical is None or dense is None:
            alone = dense if lexical is None else lexical
            assert alone is not None, "a search looks at words, or at meaning, or at both"
            rows = best_rows(alone, top_k, allowed)
            rows = rows[alone[rows] > 0] if dense is None else rows
            return rows, alone[rows]
        among = candidates(lexical, dense, max(self._options.depth, top_k), allowed)
        if self._options.fusion == "convex":
            mixed = convex(lexical[among], dense[among], weight.lexical)
        else:
            mixed = reciprocal(lexical[among], dense[among])
        best = best_rows(mixed, top_k)
        return among[best], mixed[best]

    # --- the files ---

    def index(self, scope: Scope) -> tuple[Index, Weight]:
        """The index of the present generation, opened or built, and the weight to mix by."""
        with self._lock:
            generation = self._passages.generation(scope, self._collection)
            held = self._open.get(scope.project)
            if held is None or held[0] != generation:
                held = self._open[scope.project] = self._opened_or_built(scope, generation)
            return held[1], held[2]

    def _opened_or_built(self, scope: Scope, generation: int) -> tuple[int, Index, Weight]:
        for _ in range(TRIES):
            folder = self._home(scope) / str(generation)
            try:
                index, weight = self._opened(folder)
            except BrokenArtefact:
                shutil.rmtree(folder, ignore_errors=True)
                before = self._weight_before(scope)
                _files.write(folder, lambda made: self._filled(made, scope, before))  # noqa: B023
                index, weight = self._opened(folder)
            now = self._passages.generation(scope, self._collection)
            if now == generation:
                _files.drop_others(folder.parent, folder)
                return generation, index, weight
            generation = now
        return generation, index, weight  # it keeps changing; what was just built is whole, if a moment old

    def _home(self, scope: Scope) -> Path:
        """A folder for one project, collection, embedder and way of indexing; no name of the user's in it."""
        ways = (str(FORMAT), str(self._options.model_dump_json(include={"k1", "b", "depth"})))
        return self._folder / digest(scope.project, self._collection, self._embedder.digest, *ways)[:32]

    def _opened(self, folder: Path) -> tuple[Index, Weight]:
        notes = _files.verified(folder)
        weight = Weight(**notes["weight"])
        if self._options.weight != "auto":
            weight = Weight(float(self._options.weight), 0)
        return _index.opened(folder), weight

    def _filled(self, made: Path, scope: Scope, before: tuple[int, Weight] | None) -> dict[str, object]:
        count = _index.fill(made, self._passages, scope, self._collection, embedder=self._embedder, bm25=self._bm25)
        if before is not None and abs(count - before[0]) <= GROWTH * before[0] and before[1].questions:
            weighed, weight = before
        else:
            weighed, weight = count, self._weighed(made, scope)
        return {
            "passages": count,
            "weighed": weighed,
            "weight": {"lexical": weight.lexical, "questions": weight.questions},
        }

    def _weighed(self, made: Path, scope: Scope) -> Weight:
        """A weight for the passages of a new index; a sample that is the same for the same passages."""
        index = _index.opened(made)
        order = sorted(range(len(index.ids)), key=lambda row: share_of(index.named([row])[0], salt="weight"))
        rows = order[: 4 * MOST]
        passages = {p.id: p for p in self._passages.some(scope, self._collection, index.named(rows))}
        pairs = [(row, passages[id]) for row, id in zip(rows, index.named(rows), strict=True) if id in passages]
        questions = list(questions_of(pairs))
        return chosen_weight(index, questions, embedder=self._embedder, bm25=self._bm25, depth=self._options.depth)

    def _weight_before(self, scope: Scope) -> tuple[int, Weight] | None:
        """(passages it was chosen on, weight) of the newest sound index of another generation."""
        home = self._home(scope)
        older = sorted((f for f in home.glob("[0-9]*") if f.is_dir()), key=lambda f: int(f.name), reverse=True)
        for folder in older if home.is_dir() else []:
            try:
                notes = _files.verified(folder)
            except BrokenArtefact:
                continue
            return int(notes["weighed"]), Weight(**notes["weight"])
        return None


def build(
    options: Options, *, passages: Passages, embedder: Embedder, folder: Path, collection: str = "docs"
) -> Hybrid:
    """folder: where indexes may be kept (`<workspace>/cache/index`); it may be deleted at any time."""
    return Hybrid(options, passages=passages, embedder=embedder, folder=folder, collection=collection)
