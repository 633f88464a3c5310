"""Confidence sequences keep their promise under continuous peeking, where the usual intervals break it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from afina.evaluation.statistics.resampling import interval
from afina.evaluation.statistics.sequences import anytime_p, confidence_sequence, dominated, group_units

Floats = NDArray[np.float64]
STUDIES = 1000
NAMELESS = [""] * 300


def right_less_right(cases: int, *, disagree: float, effect: float, studies: int = STUDIES, seed: int = 5) -> Floats:
    """(cases, studies) of -1, 0, 1: two arms that disagree on a share of the cases and differ by `effect`."""
    drawn = np.random.default_rng(seed).random((cases, studies))
    return np.where(drawn < (disagree + effect) / 2, 1.0, np.where(drawn < disagree, -1.0, 0.0))


def always_held(values: Floats, truth: float, weights: Floats | None = None) -> float:
    """The share of studies whose sequence never leaves out the truth, which lies on the grid: rounding is no help."""
    low, high = confidence_sequence(values, weights=weights, steps=200)
    return float(((low < truth) & (truth < high)).all(axis=0).mean())


@pytest.mark.parametrize(
    ("disagree", "effect"), [(0.3, 0.0), (0.02, 0.01), (0.05, 0.02), (0.4, 0.1), (0.5, -0.3), (1.0, 0.0), (0.9, 0.9)]
)
def test_it_holds_at_all_times_at_once(disagree: float, effect: float) -> None:
    values = right_less_right(200, disagree=disagree, effect=effect)
    assert always_held(values, effect) >= 0.95


def test_it_holds_for_values_in_between() -> None:
    values = np.random.default_rng(2).beta(0.4, 1.6, (150, STUDIES)) * 2 - 1  # mean 0.2 of [0, 1], skewed
    assert always_held(values, -0.6) >= 0.95


def test_bootstrap_intervals_do_not_stand_peeking() -> None:
    values = right_less_right(300, disagree=0.3, effect=0.0, studies=400)
    missed = np.zeros(400, dtype=bool)
    for seen in range(20, 301, 20):
        low, high = interval(values[:seen], np.arange(seen), bounds=(-1, 1), resamples=400)
        missed |= (low > 0) | (high < 0)
    assert missed.mean() > 0.12
    assert always_held(values, 0.0) >= 0.95


def clustered(layout: list[int], *, effect: float, studies: int, seed: int = 6) -> tuple[Floats, list[str]]:
    """(cases, studies) of differences that groups share in part; half of a group's cases take the group's own value."""
    random = np.random.default_rng(seed)
    number = np.repeat(np.arange(len(layout)), layout)
    own = right_less_right(len(layout), disagree=0.5, effect=effect, studies=studies, seed=seed)[number]
    alone = right_less_right(len(number), disagree=0.5, effect=effect, studies=studies, seed=seed + 1)
    return np.where(random.random(own.shape) < 0.7, own, alone), [f"g{n}" for n in number]


@pytest.mark.parametrize("layout", [[5] * 40, [1, 2, 3, 4, 5, 8, 10, 20] * 4], ids=["equal", "unequal"])
def test_it_holds_for_groups_and_only_for_groups(layout: list[int]) -> None:
    values, groups = clustered(layout, effect=0.1, studies=STUDIES)
    units = [group_units(column, groups) for column in values.T]
    means = np.stack([u.means for u in units], axis=1)
    assert always_held(means, 0.1, units[0].weights) >= 0.95
    assert always_held(values, 0.1) < 0.95  # cases of a group taken for independent ones


def test_weights_make_it_the_mean_over_cases() -> None:
    """Where large groups differ and small ones do not, the mean over cases is 0.8 and that over groups is 0.5."""
    sizes = np.random.default_rng(1).choice([1, 4], 400)
    low, high = confidence_sequence((sizes == 4).astype(float), weights=sizes / 4)
    assert low[-1] < 0.8 < high[-1]
    assert low[-1] > 0.55


def test_it_narrows_and_agrees_with_the_fixed_interval_on_many_cases() -> None:
    values = right_less_right(4000, disagree=0.3, effect=0.1, studies=1)
    low, high = confidence_sequence(values)
    assert (np.diff(low, axis=0) >= 0).all()
    assert (np.diff(high, axis=0) <= 0).all()
    width, fixed = float((high - low)[-1, 0]), 2 * 1.96 * np.sqrt(values.var() / 4000)
    assert 1.0 < width / fixed < 2.2


def test_capital_worked_by_hand() -> None:
    """Ones in [0, 1] at alpha 0.5: the first bet is sqrt(2 log 4 / (log 2 / 4)) = 4, cut to 1 / (2 m), so capital
    after n ones is at most (1 + (1 - m) / 2m)^n = ((1 + m) / 2m)^n, and m is refuted where that reaches 4."""
    low, high = confidence_sequence(np.ones(3), bounds=(0, 1), alpha=0.5)
    expected = [1 / (2 * 4 ** (1 / n) - 1) for n in (1, 2, 3)]
    assert low == pytest.approx(expected, abs=0.001)
    assert (low <= np.array(expected)).all()
    assert (high == 1).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 1.0]), min_size=1, max_size=30), st.floats(0.001, 0.5))
def test_it_is_symmetric_and_the_same_for_a_prefix(values: list[float], alpha: float) -> None:
    low, high = confidence_sequence(np.array(values), alpha=alpha, steps=100)
    mirrored = confidence_sequence(-np.array(values), alpha=alpha, steps=100)
    assert mirrored[0] == pytest.approx(-high)
    assert mirrored[1] == pytest.approx(-low)
    short = confidence_sequence(np.array(values[: len(values) // 2]), alpha=alpha, steps=100)
    assert short[0] == pytest.approx(low[: len(short[0])])
    table = confidence_sequence(np.stack([np.array(values), np.zeros(len(values))], axis=1), alpha=alpha, steps=100)
    assert table[0][:, 0] == pytest.approx(low)


def test_an_anytime_p_is_seldom_small_and_agrees_with_the_sequence() -> None:
    values = right_less_right(200, disagree=0.3, effect=0.0, studies=400)
    assert np.mean([anytime_p(column) <= 0.05 for column in values.T]) <= 0.05
    told = right_less_right(200, disagree=0.4, effect=0.2, studies=50)
    low, high = confidence_sequence(told, steps=200)
    left_out = (low[-1] >= 0) | (high[-1] <= 0)
    assert [anytime_p(column) <= 0.05 for column in told.T] == left_out.tolist()
    assert 10 < left_out.sum() < 50


@pytest.mark.parametrize("bad", [1.5, float("nan")])
def test_values_outside_the_bounds_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="from -1 to 1"):
        confidence_sequence(np.array([0.0, bad]))


def test_groups_count_once_whole() -> None:
    nan = float("nan")
    units = group_units(np.array([1.0, 0.0, nan, 1.0, -1.0, nan]), ["a", "b", "b", "a", "", "c"])
    assert units.means.tolist() == [0.0, 1.0, -1.0]  # b has one verdict, c is not asked yet
    assert units.weights.tolist() == [0.5, 1.0, 0.5]
    assert units.after.tolist() == [3, 4, 5]
    assert group_units(np.array([1.0, nan]), ["a", "a"]).means.size == 0
    assert group_units(np.array([nan, nan]), ["a", "b"]).means.size == 0


def arms(chances: dict[str, float], *, cases: int = 300, seed: int = 0) -> dict[str, Floats]:
    random = np.random.default_rng(seed)
    return {arm: (random.random(cases) < chance).astype(np.float64) for arm, chance in chances.items()}


def test_an_arm_that_is_much_worse_stops_early() -> None:
    chances = {"base": 0.3, "prompt": 0.35, "knowledge": 0.7, "tuned": 0.65}
    after = [
        found["prompt"].after_cases if (found := dominated(arms(chances, seed=n), NAMELESS, delta=0.02)) else 999
        for n in range(40)
    ]
    assert np.median(after) <= 110
    assert np.quantile(after, 0.9) <= 160


def test_an_arm_within_delta_is_seldom_stopped() -> None:
    """Three arms on the edge: 'large' is better than both others by just delta. alpha is 0.2 to be seen at work."""
    chances = {"base": 0.5, "prompt": 0.5, "large": 0.52}
    stopped = sum(bool(dominated(arms(chances, seed=n), NAMELESS, delta=0.02, alpha=0.2)) for n in range(100))
    assert stopped / 100 <= 0.2


def test_base_never_stops_and_one_arm_remains() -> None:
    chances = {"base": 0.0, "a": 0.2, "b": 0.6, "c": 1.0}
    found = dominated(arms(chances), NAMELESS, delta=0.02)
    assert set(found) == {"a", "b"}
    assert set(dominated(arms(chances), NAMELESS, delta=0.02, protected=())) == {"base", "a", "b"}
    assert found["a"].against == "c"
    assert -1 <= found["a"].low <= found["a"].high < -0.02


def test_arms_that_contradict_each_other_do_not_stop_all() -> None:
    """The two halves of the study say opposite things with certainty, which no common mean allows."""
    halves = np.repeat([1.0, 0.0], 300)
    found = dominated({"a": halves, "b": 1 - halves}, [""] * 600, delta=0.02, protected=())
    assert list(found) == ["b"]


def test_a_stopped_arm_stays_stopped_and_unanswered_cases_change_nothing() -> None:
    right = arms({"base": 0.3, "prompt": 0.3, "knowledge": 0.7})
    whole = dominated(right, NAMELESS, delta=0.02)
    at = whole["prompt"].after_cases

    def until(cases: int) -> dict[str, Floats]:
        return {arm: np.where(np.arange(300) < cases, values, np.nan) for arm, values in right.items()}

    assert dominated(until(at - 1), NAMELESS, delta=0.02) == {}
    for seen in (at, at + 1, 250):
        assert dominated(until(seen), NAMELESS, delta=0.02) == whole
    stopped = {**right, "prompt": until(at)["prompt"]}
    assert dominated(stopped, NAMELESS, delta=0.02) == whole


def test_alpha_is_shared_over_the_pairs() -> None:
    """One pair among many arms needs more cases than the same pair alone."""
    right = arms({"base": 0.3, "prompt": 0.3, "knowledge": 0.7})
    crowd = right | {f"copy {n}": right["knowledge"] for n in range(6)}
    alone = dominated(right, NAMELESS, delta=0.02)["prompt"].after_cases
    assert dominated(crowd, NAMELESS, delta=0.02)["prompt"].after_cases > alone
