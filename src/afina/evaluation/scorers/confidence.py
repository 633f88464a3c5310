"""How probable a classifier held the label that it gave: what calibration is measured on, not a quality by itself."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case


def score(case: Case, answer: Answer, /) -> Score:
    """In [0, 1]; no verdict where no probabilities were given."""
    if answer.label is None or not answer.label.distribution:
        return Score(None, "no probabilities")
    return Score(min(1.0, max(0.0, *answer.label.distribution.values())))
