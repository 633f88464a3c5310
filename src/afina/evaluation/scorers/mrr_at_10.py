"""Reciprocal rank of the first relevant document, 0 where none is among the first ten; its mean is the MRR@10."""

from functools import partial

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._ranks import ranked_score
from afina.evaluation.statistics.ranking import mrr


def score(case: Case, answer: Answer, /) -> Score:
    """In [0, 1]; no verdict where the case has no relevant document, or nothing was ranked at all."""
    return ranked_score(case, answer, partial(mrr, k=10))
