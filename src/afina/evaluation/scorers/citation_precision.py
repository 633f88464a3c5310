"""The share of an answer's citations that quote the gold span."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._spans import has_gold, is_gold


def score(case: Case, answer: Answer, /) -> Score:
    """In [0, 1]; no verdict without a gold span, or when nothing is cited (unsupported sentences cite nothing)."""
    cited = [c for c in answer.citations if c.source is not None]
    if not has_gold(case) or not cited:
        return Score(None, "no gold span" if cited else "nothing cited")
    return Score(sum(is_gold(case, answer, c) for c in cited) / len(cited))
