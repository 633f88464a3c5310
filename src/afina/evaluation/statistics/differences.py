"""From finished rows to figures: what each arm reached, and how arms differ over the same cases."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.domain.example import Case
from afina.domain.report import Comparison, Estimate, Spread
from afina.domain.row import Pass, Row
from afina.evaluation.statistics.resampling import (
    Z,
    cases_needed,
    group_numbers,
    holm,
    interval,
    mcnemar,
    permutation,
)
from afina.evaluation.statistics.seeds import widened
from afina.evaluation.statistics.sequences import anytime_p, confidence_sequence, group_units

Floats = NDArray[np.float64]


def verdicts(
    rows: Sequence[Row], cases: Sequence[Case], scorer: str, *, primary: bool = False, turn: Pass = "quality"
) -> Floats:
    """One value a case, in the order of `cases`: the mean over an arm's seeds; NaN where there is no verdict.

    primary: an arm that failed on a case is wrong there (it did not answer); elsewhere that is no verdict.
    """
    by_case: dict[str, list[float]] = {}
    for row in rows:
        value = (0.0 if primary else None) if row.failed else row.scores.get(scorer)
        if row.turn == turn and value is not None:
            by_case.setdefault(row.case, []).append(value)
    return np.array([np.mean(by_case[c.id]) if c.id in by_case else np.nan for c in cases], dtype=np.float64)


def estimate(
    values: Floats, groups: Sequence[str], *, spread: Spread | None = None, early: bool = False, seed: int = 0
) -> Estimate:
    """The mean of values in [0, 1] with its 95 % interval; NaN is left out.

    spread: of the seeds that the values are means of; the interval then holds for other seeds too. early: the arm was
    stopped by what was seen of it, so the interval must hold at every look.
    """
    there = ~np.isnan(values)
    if not there.any():
        return Estimate(None)
    mean = float(values[there].mean())
    low, high = _edges(values, groups, (0.0, 1.0), early=early, seed=seed)
    low, high = _for_other_seeds((low, high), mean, spread, (0.0, 1.0))
    return Estimate(mean, low, high, int(there.sum()))


def _edges(
    values: Floats, groups: Sequence[str], bounds: tuple[float, float], *, early: bool, seed: int
) -> tuple[float, float]:
    """95 % interval of the mean; values in the order in which cases were asked."""
    if early:
        units = group_units(values, groups)
        lows, highs = confidence_sequence(units.means, bounds=bounds, weights=units.weights)
        mean = float(np.nanmean(values))  # also over groups that are not whole, which a sequence does not see yet
        return (min(mean, float(lows[-1])), max(mean, float(highs[-1]))) if len(lows) else bounds
    there = ~np.isnan(values)
    numbers = group_numbers([g for g, ok in zip(groups, there, strict=True) if ok])
    low, high = interval(values[there], numbers, bounds=bounds, seed=seed)
    return float(low[0]), float(high[0])


def _for_other_seeds(
    edges: tuple[float, float], centre: float, spread: Spread | None, bounds: tuple[float, float]
) -> tuple[float, float]:
    if spread is None or spread.seeds < 2:
        return edges
    return widened(*edges, centre=centre, sd=spread.sd, seeds=spread.seeds, bounds=bounds)


def compared(
    name: str,
    values: Mapping[str, Floats],
    groups: Sequence[str],
    *,
    delta: float,
    spreads: Mapping[str, Spread] | None = None,
    early: Collection[str] = (),
    chosen: bool = False,
    seed: int = 0,
) -> list[Comparison]:
    """Every other arm less the arm `name`, p values corrected together, in the order of `values`.

    values: arm -> verdicts in the order in which cases were asked. spreads: of arms with several seeds. early: arms
    that were stopped by what was seen of them. chosen: `name` was chosen for these values (the best of them), so every
    pair of arms was in the running, and p values are corrected over all pairs.
    """
    others = [arm for arm in values if arm != name]
    plain = []
    for arm in others:
        sequential = bool({arm, name} & set(early))
        pair = _pair(arm, name, values[arm] - values[name], groups, early=sequential, seed=seed)
        plain += [_with_seeds(pair, [s for a, s in (spreads or {}).items() if a in (arm, name)])] if pair else []
    family = len(plain) * (len(plain) + 1) // 2 if chosen else len(plain)
    corrected = holm([p["p"] for p in plain], of=family)
    return [_finished(pair, p, delta, arms=family) for pair, p in zip(plain, corrected, strict=True)]


def _with_seeds(pair: dict[str, Any], spreads: Sequence[Spread]) -> dict[str, Any]:
    edges = (pair["low"], pair["high"])
    for spread in spreads:
        edges = _for_other_seeds(edges, pair["difference"], spread, (-1.0, 1.0))
    return {**pair, "low": edges[0], "high": edges[1]}


def _pair(
    arm: str, against: str, paired: Floats, groups: Sequence[str], *, early: bool, seed: int
) -> dict[str, Any] | None:
    """None where the two arms share no case with a verdict."""
    there = ~np.isnan(paired)
    if not there.any():
        return None
    differences = paired[there]
    numbers = group_numbers([g for g, ok in zip(groups, there, strict=True) if ok])
    low, high = _edges(paired, groups, (-1.0, 1.0), early=early, seed=seed)
    p, test = _looked_at(paired, groups) if early else _tested(differences, numbers, seed=seed)
    return {
        "arm": arm, "against": against, "difference": float(differences.mean()), "low": low, "high": high, "p": p,
        "test": test, "disagree": float((differences**2).mean()), "cases": len(differences),
        "groups": int(numbers.max()) + 1,
    }  # fmt: skip


def _looked_at(paired: Floats, groups: Sequence[str]) -> tuple[float, str]:
    units = group_units(paired, groups)
    return anytime_p(units.means, weights=units.weights) if len(units.means) else 1.0, "confidence sequence"


def _finished(pair: dict[str, Any], p_holm: float, delta: float, *, arms: int) -> Comparison:
    plain = Comparison(**pair, p_holm=p_holm, cases_needed=0)
    return replace(plain, cases_needed=_needed(plain, delta, arms=arms))


def _tested(differences: Floats, numbers: NDArray[np.int64], *, seed: int) -> tuple[float, str]:
    """Exact McNemar for independent right-or-wrong cases; else swaps of whole groups."""
    alone = int(numbers.max()) + 1 == len(differences)
    if alone and np.isin(differences, (-1.0, 0.0, 1.0)).all():
        return mcnemar(int((differences > 0).sum()), int((differences < 0).sum())), "exact McNemar"
    return permutation(differences, numbers, seed=seed), "paired permutation" + ("" if alone else " of groups")


def noise(pair: Comparison) -> tuple[float, float]:
    """(q, inflation): how often two arms disagree, at least as often as one unseen pair of cases would make them, and
    how many times the variance of their difference is larger than that of independent cases."""
    q = max(pair.disagree, 2 / (pair.cases + 2))
    independent = Z * float(np.sqrt(q / pair.cases))
    return q, max(1.0, ((pair.high - pair.low) / 2 / independent) ** 2)


def _needed(pair: Comparison, delta: float, *, arms: int) -> int:
    """In all, to tell a difference like this one from 0, or to show that it is less than delta: whichever is sooner.

    The variance is inflated by what groups made of it here. Telling one of many arms apart takes a larger surprise,
    so more cases.
    """
    size, (q, inflation) = abs(pair.difference), noise(pair)
    ways = [cases_needed(q, delta - size, inflation=inflation)] if size < delta else []
    if size:
        surprise = NormalDist().inv_cdf(1 - 0.05 / 2 / arms)
        ways.append(cases_needed(q, size, inflation=inflation * (surprise / Z) ** 2))
    needed = min(ways, default=pair.cases)
    settled = pair.told_apart or (pair.low > -delta and pair.high < delta)
    return needed if settled else max(needed, pair.cases + 1)
