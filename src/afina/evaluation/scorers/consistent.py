"""Whether a judge said the same with the answers in the other order."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.domain.pair import JUDGING, verdict_of


def score(case: Case, answer: Answer, /) -> Score:
    """1 or 0; no verdict where it was not asked in both orders, or did not answer in one."""
    said = [verdict_of(one.chosen) for one in answer.chosen if one.stage == JUDGING]
    if len(said) != 2 or None in said:
        return Score(None, "no verdict in both orders")
    return Score(float(said[0] == said[1]), "" if said[0] == said[1] else f"{said[0]}, in the other order {said[1]}")
