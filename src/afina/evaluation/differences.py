"""From finished rows to figures: what each arm reached, and how arms differ over the same cases."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.domain.example import Case
from afina.domain.report import Comparison, Estimate, Row
from afina.evaluation.statistics import (
    Z,
    cases_needed,
    group_numbers,
    holm,
    interval,
    mcnemar,
    permutation,
)

Floats = NDArray[np.float64]
PRIMARY = "correct"
"""The scorer that arms are ranked by."""


def verdicts(rows: Sequence[Row], cases: Sequence[Case], scorer: str) -> Floats:
    """One value a case, in the order of `cases`; NaN where there is no verdict.

    For the primary scorer an arm that failed on a case is wrong there: it did not answer.
    """
    by_case = {row.case: row for row in rows if row.turn == "quality"}
    return np.array([_value(by_case.get(case.id), scorer) for case in cases], dtype=np.float64)


def _value(row: Row | None, scorer: str) -> float:
    if row is None:
        return float("nan")
    if row.failed:
        return 0.0 if scorer == PRIMARY else float("nan")
    value = row.scores.get(scorer)
    return float("nan") if value is None else value


def estimate(values: Floats, groups: Sequence[str], *, seed: int = 0) -> Estimate:
    """The mean of values in [0, 1] with its 95 % interval; NaN is left out."""
    there = ~np.isnan(values)
    if not there.any():
        return Estimate(None)
    numbers = group_numbers([g for g, ok in zip(groups, there, strict=True) if ok])
    low, high = interval(values[there], numbers, bounds=(0.0, 1.0), seed=seed)
    return Estimate(float(values[there].mean()), float(low[0]), float(high[0]), int(there.sum()))


def compared(
    name: str, values: Mapping[str, Floats], groups: Sequence[str], *, delta: float, seed: int = 0
) -> list[Comparison]:
    """Every other arm less the arm `name`, p values corrected together, in the order of `values`."""
    others = [arm for arm in values if arm != name]
    plain = [_pair(arm, name, values[arm] - values[name], groups, seed=seed) for arm in others]
    known = [p for p in plain if p is not None]
    corrected = holm([p["p"] for p in known])
    return [_finished(pair, p, delta, arms=len(known)) for pair, p in zip(known, corrected, strict=True)]


def _pair(arm: str, against: str, paired: Floats, groups: Sequence[str], *, seed: int) -> dict[str, Any] | None:
    """None where the two arms share no case with a verdict."""
    there = ~np.isnan(paired)
    if not there.any():
        return None
    differences = paired[there]
    numbers = group_numbers([g for g, ok in zip(groups, there, strict=True) if ok])
    low, high = (float(edge[0]) for edge in interval(differences, numbers, bounds=(-1.0, 1.0), seed=seed))
    p, test = _tested(differences, numbers, seed=seed)
    return {
        "arm": arm, "against": against, "difference": float(differences.mean()), "low": low, "high": high, "p": p,
        "test": test, "disagree": float((differences**2).mean()), "cases": len(differences),
        "groups": int(numbers.max()) + 1,
    }  # fmt: skip


def _finished(pair: dict[str, Any], p_holm: float, delta: float, *, arms: int) -> Comparison:
    plain = Comparison(**pair, p_holm=p_holm, cases_needed=0)
    return replace(plain, cases_needed=_needed(plain, delta, arms=arms))


def _tested(differences: Floats, numbers: NDArray[np.int64], *, seed: int) -> tuple[float, str]:
    """Exact McNemar for independent right-or-wrong cases; else swaps of whole groups."""
    alone = int(numbers.max()) + 1 == len(differences)
    if alone and np.isin(differences, (-1.0, 0.0, 1.0)).all():
        return mcnemar(int((differences > 0).sum()), int((differences < 0).sum())), "exact McNemar"
    return permutation(differences, numbers, seed=seed), "paired permutation" + ("" if alone else " of groups")


def _needed(pair: Comparison, delta: float, *, arms: int) -> int:
    """In all, to tell a difference like this one from 0, or to show that it is less than delta: whichever is sooner.

    The arms are taken to disagree at least as often as one unseen pair of cases would make them, and the variance
    is inflated by what groups made of it here. Telling one of many arms apart takes a larger surprise, so more cases.
    """
    size = abs(pair.difference)
    q = max(pair.disagree, 2 / (pair.cases + 2))
    independent = Z * float(np.sqrt(q / pair.cases))
    inflation = max(1.0, ((pair.high - pair.low) / 2 / independent) ** 2)
    ways = [cases_needed(q, delta - size, inflation=inflation)] if size < delta else []
    if size:
        surprise = NormalDist().inv_cdf(1 - 0.05 / 2 / arms)
        ways.append(cases_needed(q, size, inflation=inflation * (surprise / Z) ** 2))
    needed = min(ways, default=pair.cases)
    settled = pair.told_apart or (pair.low > -delta and pair.high < delta)
    return needed if settled else max(needed, pair.cases + 1)
