"""Whether an answer was withheld where there is none: one less its mean is the false-answer rate."""

from afina.contracts import Score
from afina.domain.abstention import abstains
from afina.domain.answer import Answer
from afina.domain.example import Case


def score(case: Case, answer: Answer, /) -> Score:
    """1 if it abstains (or says nothing) about an unanswerable case; no verdict for answerable ones."""
    if case.answerable:
        return Score(None, "the case has an answer")
    return Score(float(abstains(answer.text) or not answer.text.strip()))
