"""How much the words and how much the meaning should count, from questions made of a collection's own passages.

A pseudo-question is a piece of a sentence taken out of a passage; the rest of the passage is what must be found. Real
questions share some words with what answers them, so a fifth of the sentence's words stays behind (with none
meaning is favoured, with a half the words are). Every weight is scored on all of them at once; of those not to be
told from the best (paired, one standard error) the most even mix is taken: each side covers for the other's misses.
Differs from the inverse cloze task (Lee et al. 2019, arXiv 1906.00300) in the words left behind and in choosing, not
training.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afina.contracts import Embedder
from afina.domain.document import Passage
from afina.domain.example import share_of
from afina.knowledge.retrievers._fusing import candidates, convex
from afina.knowledge.retrievers._index import Index
from afina.knowledge.retrievers._lexical import Bm25
from afina.knowledge.split import searched
from afina.knowledge.terms import terms

UNTOLD = 0.6
"""The weight of the words when it cannot be told."""

FEWEST, MOST = 60, 400
STAYING = 0.2
LEAST, MOST_WEIGHT = 0.2, 0.8
"""Neither search is switched off by a guess."""

TELLING = 1.0
"""Standard errors within which two weights count as the same."""

QUESTION_WORDS, LEAST_WORDS = 14, 5
GRID = np.round(np.arange(0, 1.0001, 0.05), 2)
TOP = 10
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Weight:
    """lexical: in [0, 1]. questions: how many it was chosen on; 0 where it could not be told."""

    lexical: float
    questions: int


@dataclass(frozen=True, slots=True)
class PseudoQuestion:
    """row: of the passage it was made from. rest: what is left of that passage, headings included."""

    row: int
    text: str
    rest: str
    lang: str


def questions_of(passages: Sequence[tuple[int, Passage]]) -> Iterator[PseudoQuestion]:
    """One from each passage that has two sentences or more, at most MOST; the same for the same passages."""
    made = 0
    for row, passage in passages:
        sentences = [s for s in _SENTENCE_END.split(passage.text) if len(s.split()) >= LEAST_WORDS]
        if len(sentences) < 2 or made == MOST:
            continue
        sentence = sentences[int(share_of(passage.id, salt="sentence") * len(sentences))]
        words = sentence.split()
        first = int(share_of(passage.id, salt="first") * max(1, len(words) - QUESTION_WORDS + 1))
        left = [w for n, w in enumerate(words) if share_of(f"{passage.id}{n}", salt="stays") < STAYING]
        rest = searched(passage).replace(sentence, " ".join(left), 1)
        yield PseudoQuestion(row, " ".join(words[first : first + QUESTION_WORDS]), rest, passage.lang)
        made += 1


def chosen_weight(
    index: Index, questions: Sequence[PseudoQuestion], *, embedder: Embedder, bm25: Bm25, depth: int
) -> Weight:
    """The weight of the words that finds the rests best; UNTOLD with fewer than FEWEST questions."""
    if len(questions) < FEWEST:
        return Weight(UNTOLD, 0)
    asked = embedder.embed([q.text for q in questions], kind="query")
    rests = embedder.embed([q.rest for q in questions])
    gains = np.zeros((len(questions), len(GRID)))
    for n, question in enumerate(questions):
        lexical = index.lexical.scores(question.text)
        lexical[question.row] = _score_of_rest(index, question, bm25)
        dense = index.vectors @ asked[n]
        dense[question.row] = rests[n] @ asked[n]
        gains[n] = _gains(lexical, dense, question.row, depth)
    return Weight(min(max(most_even(gains), LEAST), MOST_WEIGHT), len(questions))


def most_even(gains: NDArray[np.float64]) -> float:
    """gains (questions, weights): the weight nearest to a half among those that are not TELLING errors worse."""
    best = int(gains.mean(0).argmax())
    losses = gains[:, [best]] - gains
    error = losses.std(0) / np.sqrt(len(gains))
    level = GRID[losses.mean(0) <= TELLING * error]
    return float(level[np.abs(level - 0.5).argmin()])


def _gains(lexical: NDArray[np.float32], dense: NDArray[np.float32], row: int, depth: int) -> list[float]:
    """nDCG@10 of the one right row, for every weight."""
    rows = candidates(lexical, dense, depth)
    place = np.flatnonzero(rows == row)
    if not len(place):
        return [0.0] * len(GRID)
    gains = []
    for weight in GRID:
        mixed = convex(lexical[rows], dense[rows], float(weight))
        rank = int((mixed > mixed[place[0]]).sum())
        gains.append(1 / np.log2(rank + 2) if rank < TOP else 0.0)
    return gains


def _score_of_rest(index: Index, question: PseudoQuestion, bm25: Bm25) -> float:
    """BM25 of what is left of a passage, by the statistics of the collection as it is."""
    lexical = index.lexical
    said = Counter(terms(question.rest, question.lang))
    mean = float(lexical.lengths.mean())
    damping = bm25.k1 * (1 - bm25.b + bm25.b * said.total() / max(mean, 1.0))
    score = 0.0
    for term, times in Counter(terms(question.text, question.lang)).items():
        place = lexical.place(term, question.lang)
        if place is None or not said[term]:
            continue
        having = lexical.starts[place + 1] - lexical.starts[place]
        idf = np.log1p((len(lexical.lengths) - having + 0.5) / (having + 0.5))
        score += times * idf * said[term] * (bm25.k1 + 1) / (said[term] + damping)
    return float(score)
