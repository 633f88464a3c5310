"""Recall@100: the share of the relevant documents among the first hundred."""

from functools import partial

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._ranks import ranked_score
from afina.evaluation.statistics.ranking import recall


def score(case: Case, answer: Answer, /) -> Score:
    """In [0, 1]; no verdict where the case has no relevant document, or nothing was ranked at all."""
    return ranked_score(case, answer, partial(recall, k=100))
