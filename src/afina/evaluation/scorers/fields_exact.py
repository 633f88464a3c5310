"""Whether an extracted object is right as a whole: all wanted values and no others."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._fields import comparable, given, wanted


def score(case: Case, answer: Answer, /) -> Score:
    """1 or 0; no verdict where the case wants no object. Items of a list of objects are compared whole."""
    gold, said = wanted(case), given(answer)
    if gold is None:
        return Score(None, "the case has no fields")
    if said is None:
        return Score(0.0, "no JSON object in the answer")
    return Score(float(comparable(said, case.lang) == comparable(gold, case.lang)))
