"""Whether the gold span is cited by an answer that had sources."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._spans import has_gold, is_gold


def score(case: Case, answer: Answer, /) -> Score:
    """1 or 0; no verdict without a gold span, or when no passage stood in the prompt (nothing could be cited)."""
    if not has_gold(case) or not answer.sources:
        return Score(None, "no sources" if has_gold(case) else "no gold span")
    return Score(float(any(is_gold(case, answer, c) for c in answer.citations)))
