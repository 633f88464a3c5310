"""Confidence sequences: intervals that hold at every moment of a study at once, so that looking early is allowed.

The hedged betting sequence of Waudby-Smith and Ramdas (2024, "Estimating means of bounded random variables by betting",
JRSS-B). For every mean that the values might have, one bettor says that they lie above it and another that they lie
below. Nobody can expect to win against the true mean, so a mean is refuted once a bettor has made 2 / alpha of 1, and
by Ville's inequality the true one is ever refuted with probability alpha at most. Neither the variance nor the number
of cases need be known beforehand. Values must come in an order that does not depend on what they are: shuffled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from afina.evaluation.statistics.resampling import group_numbers

Floats = NDArray[np.float64]
STEPS = 1000
"""Means tried over the width of the bounds; what lies between two of them is rounded outwards."""
STAKE = 0.5
"""The most of its capital that a bettor risks at once (the paper's c)."""
COLUMNS_AT_ONCE = 64


def confidence_sequence(
    values: Floats,
    *,
    bounds: tuple[float, float] = (-1.0, 1.0),
    alpha: float = 0.05,
    weights: Floats | None = None,
    steps: int = STEPS,
) -> tuple[Floats, Floats]:
    """Running (low, high) for the mean after each value; the true mean is between them at all times at once with
    probability 1 - alpha.

    values: (units,) or (units, studies) within `bounds`; the results have the same shape. Bounds never widen (a running
    intersection); should they cross, the values contradict one common mean.
    weights: (units,) in (0, 1], how many cases a unit stands for over the most that one does. A bettor stakes in
    proportion to it, and the mean is the weighted one, that over cases (see `group_units`).

    Raises:
        ValueError: a value outside the bounds, or NaN.
    """
    width = bounds[1] - bounds[0]
    table = (np.atleast_2d(values.T).T - bounds[0]) / width
    if not ((table >= 0) & (table <= 1)).all():
        raise ValueError(f"values must be numbers from {bounds[0]:g} to {bounds[1]:g}")
    heavy = np.ones((len(table), 1)) if weights is None else weights.reshape(-1, 1)
    low, high = np.zeros_like(table), np.ones_like(table)
    for first in range(0, table.shape[1] if len(table) else 0, COLUMNS_AT_ONCE):
        part = (slice(None), slice(first, first + COLUMNS_AT_ONCE))
        bets = _bets(table[part], heavy, alpha) * heavy
        low[part] = _refuted(table[part], heavy, bets, threshold=2 / alpha, steps=steps)
        high[part] = 1 - _refuted(1 - table[part], heavy, bets, threshold=2 / alpha, steps=steps)
    return (bounds[0] + width * low).reshape(values.shape), (bounds[0] + width * high).reshape(values.shape)


def anytime_p(
    values: Floats, *, mean: float = 0.0, bounds: tuple[float, float] = (-1.0, 1.0), weights: Floats | None = None
) -> float:
    """Two-sided p of `mean`, valid whenever one looks: 2 over the most that either bettor against it ever had.

    values: (units,) as in `confidence_sequence`; the stakes are those of its sequence at alpha 0.05.
    """
    width = bounds[1] - bounds[0]
    table, at = (values.reshape(-1, 1) - bounds[0]) / width, (mean - bounds[0]) / width
    heavy = np.ones((len(table), 1)) if weights is None else weights.reshape(-1, 1)
    bets = _bets(table, heavy, 0.05) * heavy
    most = 1.0
    for side, centre in ((table, at), (1 - table, 1 - at)):
        capital = np.cumprod(1 + np.minimum(bets, STAKE / centre * heavy) * (side - centre), axis=0)
        most = max(most, float(capital.max(initial=1.0)))
    return min(1.0, 2 / most)


def _bets(table: Floats, weights: Floats, alpha: float) -> Floats:
    """Stakes that follow from the values before each one (predictable): the more they spread, the less is risked."""
    turn = np.arange(1, len(table) + 1).reshape(-1, 1)
    mean = (0.5 + np.cumsum(weights * table, axis=0)) / (1 + np.cumsum(weights, axis=0))
    variance = (0.25 + np.cumsum((weights * (table - mean)) ** 2, axis=0)) / (turn + 1)
    before = np.vstack([np.full((1, table.shape[1]), 0.25), variance])[:-1]
    bets: Floats = np.sqrt(2 * np.log(2 / alpha) / (before * turn * np.log(turn + 1)))
    return bets


def _refuted(table: Floats, weights: Floats, bets: Floats, *, threshold: float, steps: int) -> Floats:
    """The largest mean, as a share of [0, 1], that betting on a larger one has refuted by each moment.

    Capital falls as the mean that is bet against grows, so refuted means are the first so many of the grid.
    """
    newly = np.zeros(table.shape)
    means = (np.arange(1, steps) / steps).reshape(-1, 1)
    at_once = max(1, COLUMNS_AT_ONCE // table.shape[1])
    for start in range(0, len(means), at_once):
        against = means[start : start + at_once]
        capital = 1 + np.minimum(bets[:, None], STAKE / against * weights[:, None]) * (table[:, None] - against)
        won = np.cumprod(capital, axis=0, out=capital) >= threshold
        ever = np.asarray(won.any(axis=0))
        np.add.at(newly, (won.argmax(axis=0)[ever], np.nonzero(ever)[1]), 1)
        if not ever[-1].any():
            break
    lowest: Floats = np.cumsum(newly, axis=0) / steps
    return lowest


@dataclass(frozen=True, slots=True)
class Units:
    """Independent units of a study in the order in which they were finished.

    means: of the differences of each. weights: its verdicts over the size of the largest group, in (0, 1].
    after: how many cases had been asked when it was whole.
    """

    means: Floats
    weights: Floats
    after: NDArray[np.int64]


def group_units(differences: Floats, groups: Sequence[str]) -> Units:
    """Whole groups of cases as units, each at its LAST case; an empty name is a group of its own.

    differences: in the order in which cases are asked. NaN after the last number is not asked yet; NaN before it is no
    verdict and left out of its group. A group counts once all its cases are asked, so units that were there stay as
    they were when more cases come.

    A unit is worth weight * mean, the group's sum over the largest group's size: in [-1, 1], of the group's sign. With
    the weights given, `confidence_sequence` bets on weight * (mean - m), which is fair when m is the mean over cases;
    so its bounds, and what follows for domination, are those of the mean over cases, and nothing is scaled back. That
    holds if groups come in an order that does not depend on their size, or if their size says nothing of their mean.
    """
    numbers = group_numbers(groups)
    there = ~np.isnan(differences)
    asked = int(np.flatnonzero(there)[-1]) + 1 if there.any() else 0
    sizes = np.bincount(numbers)
    last = np.zeros(len(sizes), dtype=np.int64)
    np.maximum.at(last, numbers, np.arange(len(numbers)))
    counts = np.bincount(numbers[there], minlength=len(sizes))
    sums = np.bincount(numbers[there], weights=differences[there], minlength=len(sizes))
    whole = np.flatnonzero((last < asked) & (counts > 0))
    whole = whole[np.argsort(last[whole])]
    return Units(sums[whole] / counts[whole], counts[whole] / sizes.max(initial=1), last[whole] + 1)


@dataclass(frozen=True, slots=True)
class Domination:
    """Why an arm is asked no more: its difference from `against` lay between low and high after so many cases."""

    against: str
    low: float
    high: float
    after_cases: int


def dominated(
    right: Mapping[str, Floats],
    groups: Sequence[str],
    *,
    delta: float,
    alpha: float = 0.05,
    protected: Sequence[str] = ("base",),
) -> dict[str, Domination]:
    """The arms that may stop: each is worse than another one by more than `delta`, at any time so far.

    right: arm -> verdicts from 0 to 1 of all cases in the order in which they are asked; NaN as in `group_units`, so an
    arm that was stopped is NaN from then on and takes no further part. groups: of all cases, also those to come: a
    group must not pass for whole before it is. protected: arms that never stop.

    alpha is shared over the pairs of arms: with probability 1 - alpha all their intervals hold at all times, and then
    no arm is stopped that is not worse by more than delta. The answer follows from the verdicts alone, and an arm that
    is stopped stays so when verdicts are added: a study that is resumed decides alike.
    """
    pairs = [(a, b) for a, b in combinations(right, 2) if not {a, b} <= set(protected)]
    found = [d for a, b in pairs for d in _worse(a, b, right, groups, delta=delta, alpha=alpha / len(pairs))]
    stopped: dict[str, Domination] = {}
    for arm, why in sorted(found, key=lambda d: (d[1].after_cases, d[1].high, d[0], d[1].against)):
        if arm not in protected and arm not in stopped and arm not in _betters(why.against, stopped):
            stopped[arm] = why
    return stopped


def _betters(arm: str, stopped: Mapping[str, Domination]) -> list[str]:
    """An arm, the one that stopped it, and so on. Only contradictory intervals make a circle; one arm must remain."""
    chain = [arm]
    while chain[-1] in stopped:
        chain.append(stopped[chain[-1]].against)
    return chain


def _worse(
    one: str, other: str, right: Mapping[str, Floats], groups: Sequence[str], *, delta: float, alpha: float
) -> list[tuple[str, Domination]]:
    """Which of two arms is the worse by more than delta, and since when: at most one, unless bounds cross."""
    units = group_units(right[one] - right[other], groups)
    low, high = confidence_sequence(units.means, alpha=alpha, weights=units.weights)
    return [
        (worse, Domination(better, float(edges[0][at]), float(edges[1][at]), int(units.after[at])))
        for worse, better, edges in ((one, other, (low, high)), (other, one, (-high, -low)))
        for at in np.flatnonzero(edges[1] < -delta)[:1]
    ]
