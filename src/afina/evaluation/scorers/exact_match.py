"""Exact match after SQuAD's normalisation; the best over the known answers."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._words import normalised


def score(case: Case, answer: Answer, /) -> Score:
    """1 or 0; no verdict where the case has no answer."""
    if not case.answerable:
        return Score(None, "the case has no answer to match")
    given = normalised(answer.text, case.lang)
    return Score(float(any(given == normalised(gold, case.lang) for gold in case.answers)))
