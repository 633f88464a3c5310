"""Whether the answer holds a known answer word for word: right in substance, whatever stands around it."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._words import contains, words


def score(case: Case, answer: Answer, /) -> Score:
    """1 or 0; no verdict where the case has no answer."""
    if not case.answerable:
        return Score(None, "the case has no answer to hold")
    given = words(answer.text, case.lang)
    return Score(float(any(contains(given, words(gold, case.lang)) for gold in case.answers)))
