"""Paired statistics in plain NumPy: bootstrap intervals by group, exact and permutation tests, Holm, cases needed.

Groups, not cases, are the units that are drawn: cases that share a document or a user are not independent.
Columns of a (cases, studies) matrix are independent studies of one layout, so that many are computed at once.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 10_000
Z = 1.959963984540054
"""97.5 % point of the normal distribution."""
COLUMNS_AT_ONCE = 128
EXACT_FLIPS_UP_TO = 14
"""Groups up to which every flip of signs is tried: 2^14 of them."""


def group_numbers(groups: Sequence[str]) -> NDArray[np.int64]:
    """0, 1, ... for each distinct group; an empty name is a group of its own."""
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(g or f"\0{i}", len(seen)) for i, g in enumerate(groups)], dtype=np.int64)


def interval(
    values: Floats, groups: NDArray[np.int64], *, bounds: tuple[float, float], seed: int = 0, resamples: int = RESAMPLES
) -> tuple[Floats, Floats]:
    """(low, high) of the 95 % bootstrap interval of the mean of each column; values (cases,) or (cases, studies).

    Groups are drawn with replacement. Two things make the percentile interval hold where it would be too short:
    it is widened by Student's t over the normal and by sqrt(G / (G - 1)) for the effective number of groups G
    (Hesterberg 2015, "expanded percentile"), and one pseudo-case at each of `bounds` is added (as Agresti and Min
    2005 do for paired proportions), so that arms that never disagreed on a few cases are not called equal. The mean
    itself, of the real values, always lies inside.
    """
    table = values.reshape(len(values), -1).astype(np.float64)
    sums, counts = by_group(table, groups)
    means = table.mean(axis=0)
    widened = widening(counts)
    sums = np.vstack([sums, np.full((1, table.shape[1]), bounds[0]), np.full((1, table.shape[1]), bounds[1])])
    counts = np.concatenate([counts, [1.0, 1.0]])
    drawn = draws(len(counts), resamples, seed)
    totals = drawn @ counts
    centre = sums.sum(axis=0) / counts.sum()
    low, high = np.empty_like(means), np.empty_like(means)
    for first in range(0, table.shape[1], COLUMNS_AT_ONCE):
        part = slice(first, first + COLUMNS_AT_ONCE)
        resampled = (drawn @ sums[:, part]) / totals[:, None]
        edges = np.quantile(resampled, (0.025, 0.975), axis=0)
        low[part], high[part] = centre[part] + widened * (edges - centre[part])
    low = np.clip(np.minimum(low, means), *bounds)
    high = np.clip(np.maximum(high, means), *bounds)
    return low, high


def by_group(table: Floats, groups: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """(groups, columns) sums and (groups,) numbers of cases."""
    size = int(groups.max()) + 1
    sums = np.zeros((size, table.shape[1]))
    np.add.at(sums, groups, table)
    return sums, np.bincount(groups, minlength=size).astype(np.float64)


def draws(groups: int, resamples: int, seed: int) -> Floats:
    """(resamples, groups): how often each group is drawn."""
    random = np.random.default_rng(seed)
    return random.multinomial(groups, np.full(groups, 1 / groups), size=resamples).astype(np.float64)


def widening(counts: Floats) -> float:
    """How much the percentile interval must be stretched; unequal groups count as fewer (Kish's effective number)."""
    effective = max(float(counts.sum() ** 2 / (counts**2).sum()), 2.0)
    return t_point(effective - 1) / Z * math.sqrt(effective / (effective - 1))


def t_point(freedom: float) -> float:
    """97.5 % point of Student's t by bisection on its distribution; freedom >= 1 (1 gives 12.706)."""
    low, high = 0.0, 13.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_distribution(middle, max(freedom, 1.0)) < 0.975 else (low, middle)
    return (low + high) / 2


def _t_distribution(t: float, freedom: float) -> float:
    """P(T <= t) for t >= 0, by Simpson's rule on the density."""
    points = np.linspace(0.0, t, 2001)
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    density = scale * (1 + points**2 / freedom) ** (-(freedom + 1) / 2)
    weights = np.ones(2001)
    weights[1:-1:2], weights[2:-1:2] = 4.0, 2.0
    return 0.5 + float((weights * density).sum()) * t / 2000 / 3


def mcnemar(wins: int, losses: int) -> float:
    """Two-sided exact p: how likely so uneven a split of the disagreements is if each side is as likely."""
    total = wins + losses
    if total == 0:
        return 1.0
    tail = sum(math.comb(total, k) for k in range(min(wins, losses) + 1)) / 2**total
    return min(1.0, 2 * float(tail))


def permutation(differences: Floats, groups: NDArray[np.int64], *, seed: int = 0, flips: int = RESAMPLES) -> float:
    """Two-sided p of the mean of paired differences when the arms of each group are swapped at random.

    Every swap is tried up to 14 groups that differ; else `flips` random ones, and p = (k + 1) / (flips + 1).
    """
    sums, _ = by_group(differences.reshape(-1, 1).astype(np.float64), groups)
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    reached = abs(sums.sum()) - 1e-9
    if len(sums) <= EXACT_FLIPS_UP_TO:
        bits = (np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums))) & 1
        return float((np.abs((2 * bits - 1) @ sums) >= reached).mean())
    signs = np.random.default_rng(seed).integers(0, 2, size=(flips, len(sums)), dtype=np.int8) * 2 - 1
    return (int((np.abs(signs @ sums) >= reached).sum()) + 1) / (flips + 1)


def holm(ps: Sequence[float], *, of: int | None = None) -> list[float]:
    """Holm's step-down corrected p values, in the order given (Holm 1979).

    of: the size of the family where these are only the smallest of it, or may be; the others count as 1.
    """
    family = max(of or 0, len(ps))
    corrected, highest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, (family - rank) * ps[place]))
        corrected[place] = highest
    return corrected


def cases_needed(disagree: float, effect: float, *, inflation: float = 1.0) -> int:
    """Cases that bring the half-width of the interval, about 1.96 sqrt(disagree / n), down to `effect`.

    inflation: how many times the variance is larger than that of independent cases (groups).
    """
    if effect <= 0:
        raise ValueError(f"effect is {effect}; no number of cases tells a difference of 0")
    return max(1, math.ceil(inflation * disagree * (Z / effect) ** 2))
