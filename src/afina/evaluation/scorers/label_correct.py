"""Whether the right label was given: the classifier's most probable one, or the first line of what a model wrote."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._labels import said_label, same_label


def score(case: Case, answer: Answer, /) -> Score:
    """1 or 0; no verdict where the case has no label. A label with words around it is not given (see contains_gold)."""
    if not case.answers:
        return Score(None, "the case has no label")
    said = answer.label.best if answer.label else said_label(answer.text)
    return Score(float(any(same_label(said, label) for label in case.answers)), "" if said else "no label was given")
