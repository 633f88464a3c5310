"""F1 over the values of an extracted object: 2PR / (P + R) over (path, value) pairs, lists as multisets."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._fields import common, given


def score(case: Case, answer: Answer, /) -> Score:
    """In [0, 1]; no verdict where the case wants no object. Rightly giving nothing is 1.

    The first object in the answer counts, whatever stands around it; `valid_json` says whether that was in order.
    """
    counts = common(case, answer)
    if counts is None:
        return Score(None, "the case has no fields")
    if given(answer) is None:
        return Score(0.0, "no JSON object in the answer")
    agree, said, wanted = counts
    return Score(2 * agree / (said + wanted) if said + wanted else 1.0)
