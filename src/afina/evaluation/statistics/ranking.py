"""How good a ranking is, by the definitions of trec_eval (checked against ir-measures).

ranked: ids, best first. relevant: id -> grade; a grade of 0 or less, and an id that is not named, is not relevant.
A query for which nothing is relevant has no verdict: NaN, never a zero. One for which nothing was found has a zero.
Every function raises ValueError for an id that is ranked twice, which would count twice.
"""

import math
from collections.abc import Mapping, Sequence


def ndcg(ranked: Sequence[str], relevant: Mapping[str, float], *, k: int) -> float:
    """Discounted cumulative gain of the first k over the best that a ranking can have (Järvelin and Kekäläinen 2002).

    The gain is the grade itself, not 2^grade - 1; the discount log2(rank + 1). `ndcg_cut_k` of trec_eval.
    """
    gains = _gains(ranked, relevant)
    ideal = _discounted(sorted((g for g in relevant.values() if g > 0), reverse=True)[:k])
    return _discounted(gains[:k]) / ideal if ideal else math.nan


def recall(ranked: Sequence[str], relevant: Mapping[str, float], *, k: int) -> float:
    """The share of what is relevant that stands among the first k. `recall_k` of trec_eval."""
    wanted = _wanted(relevant)
    return sum(gain > 0 for gain in _gains(ranked, relevant)[:k]) / wanted if wanted else math.nan


def mrr(ranked: Sequence[str], relevant: Mapping[str, float], *, k: int) -> float:
    """1 / rank of the first relevant one, 0 where none is among the first k; its mean over queries is the MRR@k."""
    if not _wanted(relevant):
        return math.nan
    return next((1 / rank for rank, gain in enumerate(_gains(ranked, relevant)[:k], start=1) if gain > 0), 0.0)


def average_precision(ranked: Sequence[str], relevant: Mapping[str, float]) -> float:
    """The precision at each relevant one that was found, summed, over how many are relevant. `map` of trec_eval."""
    wanted = _wanted(relevant)
    ranks = [rank for rank, gain in enumerate(_gains(ranked, relevant), start=1) if gain > 0]
    return sum(found / rank for found, rank in enumerate(ranks, start=1)) / wanted if wanted else math.nan


def _gains(ranked: Sequence[str], relevant: Mapping[str, float]) -> list[float]:
    if len(set(ranked)) < len(ranked):
        twice = next(name for place, name in enumerate(ranked) if name in ranked[:place])
        raise ValueError(f'"{twice}" is ranked twice; each id may stand in a ranking once')
    return [max(0.0, relevant.get(name, 0.0)) for name in ranked]


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def _wanted(relevant: Mapping[str, float]) -> int:
    return sum(grade > 0 for grade in relevant.values())
