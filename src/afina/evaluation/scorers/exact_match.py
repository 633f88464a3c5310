"""Exact match after SQuAD's normalisation (as written, where that leaves nothing); the best over the known answers."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._words import normalised, same_as_written


def score(case: Case, answer: Answer, /) -> Score:
    """1 or 0; no verdict where the case has no answer."""
    if not case.answers:
        return Score(None, "the case has no answer to match")
    return Score(float(any(_matches(answer.text, gold, case.lang) for gold in case.answers)))


def _matches(text: str, gold: str, lang: str) -> bool:
    wanted = normalised(gold, lang)
    return normalised(text, lang) == wanted if wanted else same_as_written(text, gold)
