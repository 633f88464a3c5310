"""ROUGE-L: F1 of the longest common subsequence of words with a known answer (Lin 2004, sentence level, beta 1).

Differs from the usual script in keeping decimal numbers whole and in leaving out articles; words are not stemmed.
"""

from bisect import bisect_left

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._words import words


def score(case: Case, answer: Answer, /) -> Score:
    """In [0, 1], the best over the known answers; no verdict where the case has none."""
    if not case.answers:
        return Score(None, "the case has no known answer")
    said = words(answer.text, case.lang)
    return Score(max(_f1(said, words(text, case.lang)) for text in case.answers))


def _f1(said: list[str], known: list[str]) -> float:
    if not said or not known:
        return 0.0
    return 2 * common_subsequence(said, known) / (len(said) + len(known))


def common_subsequence(one: list[str], other: list[str]) -> int:
    """Length of the longest common subsequence, by the longest rising run of matching places (Hunt, Szymanski 1977)."""
    places: dict[str, list[int]] = {}
    for at, word in enumerate(other):
        places.setdefault(word, []).insert(0, at)
    ends: list[int] = []
    for word in one:
        for at in places.get(word, ()):
            place = bisect_left(ends, at)
            ends[place : place + 1] = [at]
    return len(ends)
