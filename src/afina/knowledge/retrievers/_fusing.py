"""Two rankings made one.

Every passage has both scores, since both searches are exact: nothing is missing from either list, and nothing
is guessed. The convex mix is over min-max scores of the candidates, the union of the best of each list.
Sources: Bruch, Gai and Ingber 2022, arXiv 2210.11934 (convex); Cormack et al. 2009 (reciprocal rank).
"""

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Rows = NDArray[np.int64]
RANK_OFFSET = 60


def best_rows(scores: Scores, count: int, allowed: Rows | None = None) -> Rows:
    """Rows of the highest scores, best first; equal scores in the order of rows. allowed: the rows to choose from."""
    chosen = scores if allowed is None else scores[allowed]
    kept = np.arange(len(chosen)) if count >= len(chosen) else _most(chosen, count)
    ordered = kept[np.argsort(-chosen[kept], kind="stable")]
    result: Rows = ordered if allowed is None else allowed[ordered]
    return result


def _most(scores: Scores, count: int) -> Rows:
    """Places of the `count` highest scores, rising; of equal ones the first."""
    edge = np.partition(scores, len(scores) - count)[len(scores) - count]
    above = np.flatnonzero(scores > edge)
    level = np.flatnonzero(scores == edge)[: count - len(above)]
    kept: Rows = np.union1d(above, level)
    return kept


def candidates(lexical: Scores, dense: Scores, depth: int, allowed: Rows | None = None) -> Rows:
    """The union of the `depth` best of each, rising."""
    result: Rows = np.union1d(best_rows(lexical, depth, allowed), best_rows(dense, depth, allowed))
    return result


def convex(lexical: Scores, dense: Scores, weight: float) -> Scores:
    """weight x lexical + (1 - weight) x dense, each first spread over [0, 1]; arguments are those of the candidates."""
    mixed: Scores = (weight * spread(lexical) + (1 - weight) * spread(dense)).astype(np.float32)
    return mixed


def reciprocal(lexical: Scores, dense: Scores) -> Scores:
    """1 / (60 + rank) of each list, added up."""
    ranks = [np.argsort(np.argsort(-scores, kind="stable"), kind="stable") + 1 for scores in (lexical, dense)]
    mixed: Scores = sum(1.0 / (RANK_OFFSET + rank) for rank in ranks).astype(np.float32)  # type: ignore[union-attr]
    return mixed


def spread(scores: Scores) -> Scores:
    """Over [0, 1] by the least and the most of them; all 0 where they are equal."""
    if not len(scores):
        return scores
    low, high = scores.min(), scores.max()
    if high <= low:
        return np.zeros_like(scores)
    result: Scores = (scores - low) / (high - low)
    return result
