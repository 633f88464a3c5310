"""BM25 over NumPy arrays: the words are kept as 64-bit hashes only, so an index holds no text.

Impacts are worked out when it is built; a query adds up a few slices. Each language has its own words and its own
document frequencies, so a rare word of one language is not common because another one uses it.
Source: Robertson and Zaragoza 2009, with Lucene's idf, which is never negative.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from afina.knowledge.terms import terms


@dataclass(frozen=True, slots=True)
class Bm25:
    """k1: how fast repeated words saturate. b: how much long passages pay."""

    k1: float = 1.2
    b: float = 0.75


@dataclass(frozen=True, slots=True)
class Lexical:
    """Postings by term. hashes (terms,) uint64, rising; starts (terms + 1,) int64; rows (postings,) int32;
    impacts (postings,) float32; lengths (passages,) int32: terms of each. languages: those of the passages."""

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    impacts: NDArray[np.float32]
    lengths: NDArray[np.int32]
    languages: tuple[str, ...]

    def scores(self, query: str) -> NDArray[np.float32]:
        """(passages,) float32: BM25 of each; 0 where no word is shared."""
        sums = np.zeros(len(self.lengths), np.float32)
        for place, times in self.asked(query).items():
            span = slice(int(self.starts[place]), int(self.starts[place + 1]))
            sums[self.rows[span]] += times * self.impacts[span]
        return sums

    def asked(self, query: str) -> Counter[int]:
        """Places of the query's terms in the index, and how often each was said."""
        places: Counter[int] = Counter()
        for lang in self.languages:
            for term, times in Counter(terms(query, lang)).items():
                place = self.place(term, lang)
                if place is not None:
                    places[place] += times
        return places

    def place(self, term: str, lang: str) -> int | None:
        wanted = np.uint64(_hash(term, lang))
        place = int(np.searchsorted(self.hashes, wanted))
        return place if place < len(self.hashes) and self.hashes[place] == wanted else None


@dataclass(frozen=True, slots=True)
class _Postings:
    """words, rows, counts: (postings,) int32, in the order read. lengths, langs: (passages,) int32."""

    hashes: NDArray[np.uint64]
    words: NDArray[np.int32]
    rows: NDArray[np.int32]
    counts: NDArray[np.int32]
    lengths: NDArray[np.int32]
    langs: NDArray[np.int32]
    languages: tuple[str, ...]


def lexical_of(texts: Iterable[tuple[str, str]], settings: Bm25) -> Lexical:
    """An index over (text, language) pairs; row n is the nth pair."""
    read = _read(texts)
    impacts = _impacts(read, settings)
    order_of_hash = np.argsort(read.hashes)
    rank = np.empty(len(read.hashes), np.int32)
    rank[order_of_hash] = np.arange(len(rank), dtype=np.int32)
    places = rank[read.words]
    order = np.argsort(places, kind="stable")
    starts = np.zeros(len(rank) + 1, np.int64)
    np.cumsum(np.bincount(places, minlength=len(rank)), out=starts[1:])
    return Lexical(read.hashes[order_of_hash], starts, read.rows[order], impacts[order], read.lengths, read.languages)


def _read(texts: Iterable[tuple[str, str]]) -> _Postings:
    known: dict[int, int] = {}
    languages: dict[str, int] = {}
    words, rows, counts, lengths, langs = (array("i") for _ in range(5))
    for row, (text, lang) in enumerate(texts):
        said = Counter(terms(text, lang))
        words.extend(known.setdefault(_hash(term, lang), len(known)) for term in said)
        counts.extend(said.values())
        rows.extend([row] * len(said))
        lengths.append(said.total())
        langs.append(languages.setdefault(lang, len(languages)))
    hashes = np.fromiter(known, np.uint64, len(known))
    return _Postings(hashes, _ints(words), _ints(rows), _ints(counts), _ints(lengths), _ints(langs), tuple(languages))


def _ints(values: "array[int]") -> NDArray[np.int32]:
    return np.frombuffer(values, np.int32) if values else np.zeros(0, np.int32)


def _impacts(read: _Postings, settings: Bm25) -> NDArray[np.float32]:
    """What each posting adds to the score of its passage when its term is asked for once."""
    passages = np.bincount(read.langs, minlength=len(read.languages))
    mean = np.bincount(read.langs, weights=read.lengths, minlength=len(read.languages)) / np.maximum(passages, 1)
    having = np.bincount(read.words, minlength=len(read.hashes))
    lang = np.zeros(len(read.hashes), np.int32)
    lang[read.words] = read.langs[read.rows]
    idf = np.log1p((passages[lang] - having + 0.5) / (having + 0.5)).astype(np.float32)
    relative = read.lengths / np.maximum(mean[read.langs], 1)
    damping = (settings.k1 * (1 - settings.b + settings.b * relative)).astype(np.float32)
    counts = read.counts.astype(np.float32)
    impacts: NDArray[np.float32] = counts / (counts + damping[read.rows])
    impacts *= idf[read.words]
    impacts *= np.float32(settings.k1 + 1)
    return impacts


@lru_cache(maxsize=100_000)
def _hash(term: str, lang: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{lang}:{term}".encode(), digest_size=8).digest(), "big")
