"""How often a judge gave a verdict at all: stands beside its agreement, which is over those verdicts alone."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.domain.pair import verdict_in


def score(case: Case, answer: Answer, /) -> Score:
    """1 or 0."""
    return Score(float(verdict_in(answer) is not None))
