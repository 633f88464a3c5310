"""Lists in the place of stores, and an embedder of words: what a test hands to a mechanism."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from afina.domain.ask import Scope
from afina.domain.document import Document, Found, Passage, content_id, content_stems, digest
from afina.domain.example import Example
from afina.errors import NotFound


def document_of(name: str, text: str, *, lang: str = "en", attributes: Mapping[str, str] | None = None) -> Document:
    return Document(content_id("doc", name, text), name, name, text, digest(text), lang, attributes=attributes or {})


def passage_of(document: Document, *, start: int = 0, end: int | None = None) -> Passage:
    """A part of a document as a passage; the whole of it by default."""
    stop = len(document.text) if end is None else end
    id = content_id("pas", document.id, str(start), str(stop))
    return Passage(id, document.id, document.name, document.text[start:stop], start, stop, lang=document.lang)


@dataclass
class ListPassages:
    """Passages in memory: (project, collection) -> documents, one passage a document unless `put` says otherwise."""

    _documents: dict[tuple[str, str], dict[str, Document]] = field(default_factory=dict)
    _generations: dict[tuple[str, str], int] = field(default_factory=dict)

    def put(self, document: Document, *, collection: str = "docs", project: str = "default") -> None:
        """Add a document, or replace the one of the same name."""
        place = (project, collection)
        self._documents.setdefault(place, {})[document.name] = document
        self._generations[place] = self._generations.get(place, 0) + 1

    def drop(self, name: str, *, collection: str = "docs", project: str = "default") -> None:
        place = (project, collection)
        del self._documents[place][name]
        self._generations[place] += 1

    def generation(self, scope: Scope, collection: str) -> int:
        return self._generations.get((scope.project, collection), 0)

    def passages(self, scope: Scope, collection: str) -> Iterator[Passage]:
        return (passage_of(d) for d in self.documents(scope, collection))

    def documents(self, scope: Scope, collection: str) -> Iterator[Document]:
        return iter(list(self._documents.get((scope.project, collection), {}).values()))

    def some(self, scope: Scope, collection: str, ids: Sequence[str]) -> list[Passage]:
        known = {p.id: p for p in self.passages(scope, collection)}
        return [known[id] for id in ids if id in known]

    def vectors(self, scope: Scope, collection: str, embedder: str) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """None are stored: a retriever embeds for itself."""
        return iter(())


@dataclass(frozen=True)
class ListDemonstrations:
    """Named sets of examples of one project."""

    sets: Mapping[str, Sequence[Example]]
    project: str = "default"

    def examples(self, scope: Scope, name: str) -> Sequence[Example]:
        if scope.project != self.project or name not in self.sets:
            raise NotFound(f'no examples are called "{name}"')
        return self.sets[name]


@dataclass(frozen=True)
class WordEmbedder:
    """Texts as hashed counts of their words: shared words, near vectors. No model."""

    dim: int = 256
    name: str = "words"

    @property
    def digest(self) -> str:
        return digest(self.name, str(self.dim))

    def embed(self, texts: Sequence[str], *, kind: str = "passage") -> NDArray[np.float32]:
        if kind not in ("passage", "query"):
            raise ValueError(f'kind is "passage" or "query", not {kind!r}')
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in enumerate(texts):
            for stem in content_stems(text):
                vectors[row, zlib.crc32(stem.encode()) % self.dim] += 1
        vectors[:, 0] += 1e-6  # a text without words still has a direction
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def count(self, text: str) -> int:
        return len(text.split())


@dataclass(frozen=True)
class WordRetriever:
    """Search over `ListPassages` by shared words; what a mechanism's test needs of a retriever."""

    stored: ListPassages
    collection: str = "docs"

    def search(self, scope: Scope, query: str, *, top_k: int, where: Mapping[str, str] | None = None) -> list[Found]:
        wanted = content_stems(query)
        found = []
        for document in self.stored.documents(scope, self.collection):
            score = len(wanted & content_stems(document.text)) / (len(wanted) or 1)
            if score and all(document.attributes.get(k) == v for k, v in (where or {}).items()):
                found.append(Found(passage_of(document), score, lexical=score))
        return sorted(found, key=lambda f: (-f.score, f.passage.id))[:top_k]
