"""Several seeds of one arm: worked by hand, and intervals that cover what another seed would be drawn from."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from afina.evaluation.statistics.resampling import interval
from afina.evaluation.statistics.seeds import spread, widened

nan = math.nan


def test_the_spread_by_hand() -> None:
    halves, most = np.array([1.0, 1.0, 0.0, 0.0]), np.array([1.0, nan, 1.0, 0.0, 1.0])
    found = spread([halves, most, halves, np.array([nan])])
    assert found is not None
    assert (found.seeds, found.lowest, found.highest) == (3, 0.5, 0.75)
    assert found.sd == pytest.approx(math.sqrt(((0.5 - 7 / 12) ** 2 * 2 + (0.75 - 7 / 12) ** 2) / 2))
    assert spread([halves, np.array([nan])]) is None
    assert spread([]) is None


def test_widening_by_hand() -> None:
    """t of 2 degrees is 4.30265; 4.30265 * 0.02 / sqrt(3) = 0.049683."""
    low, high = widened(0.40, 0.55, centre=0.5, sd=0.02, seeds=3, bounds=(0, 1))
    assert low == pytest.approx(0.5 - math.hypot(0.1, 0.049683), abs=1e-5)
    assert high == pytest.approx(0.5 + math.hypot(0.05, 0.049683), abs=1e-5)
    assert widened(0.4, 0.6, centre=0.5, sd=0.0, seeds=2, bounds=(0, 1)) == pytest.approx((0.4, 0.6))
    assert widened(0.9, 1.0, centre=0.97, sd=0.2, seeds=2, bounds=(0, 1)) == (0.0, 1.0)
    with pytest.raises(ValueError, match="at least 2"):
        widened(0.4, 0.6, centre=0.5, sd=nan, seeds=1, bounds=(0, 1))


def studies(seeds: int, between: float) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """(cases, studies) mean difference over seeds of a tuned arm less an untuned one, sd of seeds, and the truth."""
    random, cases, many, lift = np.random.default_rng(3), 120, 500, 0.1
    hard = random.uniform(0.25, 0.75, (cases, many))
    base = random.random((cases, many)) < hard
    shifts = random.normal(0, between, (seeds, 1, many))
    tuned = random.random((seeds, cases, many)) < hard + lift + shifts
    differences = tuned.mean(axis=0) - base
    return differences, tuned.mean(axis=1).std(axis=0, ddof=1), lift


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("between", [0.0, 0.03, 0.08])
def test_widened_intervals_cover(seeds: int, between: float) -> None:
    differences, sds, truth = studies(seeds, between)
    lows, highs = interval(differences, np.arange(len(differences)), bounds=(-1, 1), resamples=500)
    wide = [
        widened(low, high, centre=centre, sd=sd, seeds=seeds, bounds=(-1, 1))
        for low, high, centre, sd in zip(lows, highs, differences.mean(axis=0), sds, strict=True)
    ]
    assert np.mean([low <= truth <= high for low, high in wide]) >= 0.94
    plain = float(((lows <= truth) & (truth <= highs)).mean())
    assert (plain < 0.9) == (between == 0.08)  # where seeds differ much, an interval over cases alone is too short
