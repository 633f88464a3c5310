"""The share of the given values that are right."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._fields import common


def score(case: Case, answer: Answer, /) -> Score:
    """In [0, 1]; no verdict where the case wants no object, or nothing was given."""
    counts = common(case, answer)
    if counts is None or not counts[1]:
        return Score(None, "the case has no fields" if counts is None else "no value was given")
    return Score(counts[0] / counts[1])
