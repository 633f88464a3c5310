"""Token F1 after SQuAD's normalisation; the best over the known answers."""

from collections import Counter

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._words import normalised


def score(case: Case, answer: Answer, /) -> Score:
    """In [0, 1]; no verdict where the case has no answer."""
    if not case.answerable:
        return Score(None, "the case has no answer to match")
    given = normalised(answer.text, case.lang).split()
    return Score(max(f1(given, normalised(gold, case.lang).split()) for gold in case.answers))


def f1(given: list[str], gold: list[str]) -> float:
    """2PR / (P + R) over words counted as often as they occur; two empty texts agree (as in SQuAD 2.0)."""
    if not given or not gold:
        return float(given == gold)
    common = sum((Counter(given) & Counter(gold)).values())
    return 2 * common / (len(given) + len(gold))
