"""Whether the gold span stood in the prompt: what retrieval and assembling gave the model to read."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._spans import gold_places, has_gold


def score(case: Case, answer: Answer, /) -> Score:
    """1 or 0; no verdict without a gold span, or when no passage stood in the prompt."""
    if not has_gold(case) or not answer.sources:
        return Score(None, "no sources" if has_gold(case) else "no gold span")
    return Score(float(any(gold_places(case, found.passage) for found in answer.sources)))
