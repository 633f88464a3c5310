"""Statistics against scipy, values worked by hand, and their own promise: few false alarms, intervals that cover."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from afina.evaluation.statistics.resampling import (
    cases_needed,
    group_numbers,
    holm,
    interval,
    mcnemar,
    permutation,
    t_point,
)

STUDIES = 2000
LAYOUTS = {
    "30 single cases": [1] * 30,
    "190 single cases": [1] * 190,
    "30 groups of 5": [5] * 30,
    "10 groups of 5": [5] * 10,
    "6 groups of 30": [30] * 6,
    "16 unequal groups": [3, 5, 5, 7, 8, 9, 9, 10, 12, 12, 14, 15, 18, 20, 22, 21],
    "10 very unequal groups": [1, 2, 3, 4, 5, 8, 10, 20, 30, 40],
}


def simulated(
    layout: list[int], *, mean: float, effect: float = 0.0, seed: int = 7
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(cases, studies) differences of two arms that answer independently: shared case difficulty, and an effect of
    its own of each arm on each group. `effect` shifts the second arm's chance."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(layout)), layout)
    spread = 1.0 if len(layout) < len(groups) else 0.0
    hard = random.normal(0, 1, (len(groups), STUDIES))
    arms = []
    for shift in (effect, 0.0):
        own = random.normal(0, spread, (len(layout), STUDIES))[groups]
        chance = np.clip(1 / (1 + np.exp(-(np.log(mean / (1 - mean)) + hard + own))) + shift, 0, 1)
        arms.append((random.random(chance.shape) < chance).astype(np.float64))
    return arms[0] - arms[1], groups


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("mean", [0.15, 0.5])
def test_equal_arms_are_seldom_told_apart(layout: list[int], mean: float) -> None:
    differences, groups = simulated(layout, mean=mean)
    low, high = interval(differences, groups, bounds=(-1, 1), resamples=2000)
    assert ((low > 0) | (high < 0)).mean() <= 0.06


def test_calibration_with_all_resamples_as_shipped() -> None:
    differences, groups = simulated(LAYOUTS["30 single cases"], mean=0.4)
    low, high = interval(differences, groups, bounds=(-1, 1))
    assert 0.005 <= ((low > 0) | (high < 0)).mean() <= 0.06


def test_the_interval_covers_a_true_difference() -> None:
    differences, groups = simulated([1] * 100, mean=0.4, effect=0.1)
    truth = simulated([1] * 4000, mean=0.4, effect=0.1, seed=8)[0].mean()
    low, high = interval(differences, groups, bounds=(-1, 1), resamples=2000)
    assert 0.94 <= ((low <= truth) & (truth <= high)).mean() <= 0.985


def test_enough_cases_tell_a_difference() -> None:
    differences, groups = simulated([1] * 400, mean=0.4, effect=0.15)
    low, _ = interval(differences, groups, bounds=(-1, 1), resamples=2000)
    assert (low > 0).mean() > 0.95


def test_interval_agrees_with_scipy_on_many_cases() -> None:
    values = np.random.default_rng(1).choice([-1.0, 0.0, 1.0], p=[0.1, 0.6, 0.3], size=800)
    ours = interval(values, np.arange(800), bounds=(-1, 1))
    theirs = stats.bootstrap((values,), np.mean, n_resamples=10_000, method="BCa", rng=1).confidence_interval
    assert (ours[0][0], ours[1][0]) == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_groups_widen_the_interval() -> None:
    values = np.repeat(np.tile([1.0, -1.0], 10), 10)
    alone = interval(values, np.arange(200), bounds=(-1, 1))
    grouped = interval(values, np.repeat(np.arange(20), 10), bounds=(-1, 1))
    assert grouped[1][0] > 2.5 * alone[1][0]


def test_arms_that_never_disagreed_are_not_called_equal_on_few_cases() -> None:
    low, high = interval(np.zeros(20), np.arange(20), bounds=(-1, 1))
    assert low[0] < -0.05
    assert high[0] > 0.05
    low, high = interval(np.zeros(1000), np.arange(1000), bounds=(-1, 1))
    assert -0.01 < low[0] < 0 < high[0] < 0.01


def test_the_interval_is_seeded_and_inside_its_bounds() -> None:
    ones, groups = np.ones(12), np.arange(12)
    assert interval(ones, groups, bounds=(0, 1), seed=3) == interval(ones, groups, bounds=(0, 1), seed=3)
    low, high = interval(ones, groups, bounds=(0, 1))
    assert 0 < low[0] < 1 == high[0]
    assert all(np.isfinite(edge).all() for edge in interval(np.array([0.5]), np.array([0]), bounds=(0, 1)))


@pytest.mark.parametrize("freedom", [1.0, 2.0, 4.5, 29.0, 500.0])
def test_t_point(freedom: float) -> None:
    assert t_point(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-4)


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (5, 5), (1, 9), (10, 2), (0, 6), (40, 61)])
def test_mcnemar(wins: int, losses: int) -> None:
    expected = stats.binomtest(wins, wins + losses, 0.5).pvalue if wins + losses else 1.0
    assert mcnemar(wins, losses) == pytest.approx(expected)


def test_permutation_exact() -> None:
    differences = np.array([0.3, -0.1, 0.5, 0.2, 0.0, 0.4, -0.2, 0.6])
    expected = stats.permutation_test(
        (differences, np.zeros(8)), lambda a, b, axis: np.mean(a - b, axis=axis), permutation_type="samples",
        n_resamples=np.inf, vectorized=True,
    ).pvalue  # fmt: skip
    assert permutation(differences, np.arange(8)) == pytest.approx(expected)


def test_permutation_sampled() -> None:
    differences = np.random.default_rng(2).normal(0.25, 1, 80)
    expected = stats.permutation_test(
        (differences, np.zeros(80)), lambda a, b, axis: np.mean(a - b, axis=axis), permutation_type="samples",
        n_resamples=20_000, vectorized=True, rng=3,
    ).pvalue  # fmt: skip
    assert permutation(differences, np.arange(80)) == pytest.approx(expected, abs=0.012)


def test_permutation_swaps_whole_groups() -> None:
    differences = np.array([1.0, 1, 1, 1, 1, 1, 1, 1])
    assert permutation(differences, np.repeat([0, 1], 4)) == pytest.approx(0.5)  # 2 of 4 swaps are as far from 0
    assert permutation(np.zeros(5), np.arange(5)) == 1.0


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []
    assert holm([0.01, 0.04], of=6) == pytest.approx([0.06, 0.2])  # the rest of the family counts as 1


def test_cases_needed() -> None:
    assert cases_needed(0.2, 0.02) == 1921  # 0.2 * (1.95996 / 0.02)^2 = 1920.7
    assert cases_needed(0.2, 0.02, inflation=2) == 3842
    with pytest.raises(ValueError, match="effect is 0"):
        cases_needed(0.2, 0.0)


def test_a_nameless_group_is_a_case_of_its_own() -> None:
    assert group_numbers(["a", "", "a", "", "b"]).tolist() == [0, 1, 0, 2, 3]
