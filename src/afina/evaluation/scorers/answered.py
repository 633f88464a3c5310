"""The answer rate: whether an answer was given at all. Stands beside quality; neither end of it is good by itself."""

from afina.contracts import Score
from afina.domain.abstention import abstains
from afina.domain.answer import Answer
from afina.domain.example import Case


def score(case: Case, answer: Answer, /) -> Score:
    """1 if it says something and does not abstain."""
    return Score(float(bool(answer.text.strip()) and not abstains(answer.text)))
