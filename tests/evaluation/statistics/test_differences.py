"""From verdicts to claims: equal arms are seldom told apart, however many they are and however they are grouped."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from afina.evaluation.statistics import differences
from afina.evaluation.statistics.differences import compared, noise
from afina.evaluation.statistics.resampling import interval, permutation

ARMS = ("base", "prompt", "examples", "knowledge", "tuned", "tuned+knowledge")
LAYOUTS = {
    "30 single cases": [1] * 30,
    "30 groups of 5": [5] * 30,
    "unequal groups": [3, 5, 7, 8, 9, 10, 12, 14, 15, 20],
}


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "interval", partial(interval, resamples=400))
    monkeypatch.setattr(differences, "permutation", partial(permutation, flips=400))


def equal_arms(layout: list[int], studies: int, *, mean: float = 0.4) -> Iterator[dict[str, NDArray[np.float64]]]:
    """Studies of arms that answer independently with the same chances: cases are hard or easy for all of them, and each
    arm is by chance better or worse in each group."""
    random = np.random.default_rng(11)
    groups = np.repeat(np.arange(len(layout)), layout)
    spread = 1.0 if len(layout) < len(groups) else 0.0
    for _ in range(studies):
        hard = random.normal(np.log(mean / (1 - mean)), 1, len(groups))
        own = random.normal(0, spread, (len(ARMS), len(layout)))[:, groups]
        right = random.random(own.shape) < 1 / (1 + np.exp(-hard - own))
        yield {arm: row.astype(np.float64) for arm, row in zip(ARMS, right, strict=True)}


def claimed(layout: list[int], studies: int) -> dict[str, float]:
    """Shares of studies that tell any arm apart: from base, from the best, and from the best without correction."""
    groups = [f"g{n}" for n, size in enumerate(layout) for _ in range(size)]
    found: dict[str, list[bool]] = {"base": [], "best": [], "uncorrected": []}
    for values in equal_arms(layout, studies):
        best = max(values, key=lambda arm: values[arm].mean())
        against_best = compared(best, values, groups, delta=0.02, chosen=True)
        found["base"].append(any(c.told_apart for c in compared("base", values, groups, delta=0.02)))
        found["best"].append(any(c.told_apart for c in against_best))
        found["uncorrected"].append(any(c.p <= 0.05 for c in against_best))
    return {name: float(np.mean(claims)) for name, claims in found.items()}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_six_equal_arms_are_seldom_told_apart(layout: list[int]) -> None:
    shares = claimed(layout, 50)
    assert shares["base"] <= 0.06
    assert shares["best"] <= 0.06
    assert shares["uncorrected"] > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_two_thousand_studies_of_six_equal_arms(layout: list[int]) -> None:
    shares = claimed(layout, 2000)
    assert shares["base"] <= 0.06
    assert shares["best"] <= 0.06
    assert shares["uncorrected"] > 0.1


def test_an_arm_that_is_better_is_told_apart() -> None:
    random = np.random.default_rng(5)
    values = {arm: np.where(random.random(200) < 0.4 + 0.3 * ("tuned" in arm), 1.0, 0.0) for arm in ARMS}
    told = {c.arm for c in compared("base", values, [""] * 200, delta=0.02) if c.told_apart}
    assert told == {"tuned", "tuned+knowledge"}
    against = compared("tuned", values, [""] * 200, delta=0.02, chosen=True)
    assert {c.arm for c in against if c.told_apart} == set(ARMS) - told
    plain = compared("tuned", values, [""] * 200, delta=0.02)
    assert all(c.p_holm >= p.p_holm for c, p in zip(against, plain, strict=True))


def test_a_choice_of_two_is_one_comparison() -> None:
    values = {"base": np.repeat([0.0, 1.0], 20), "tuned": np.repeat([0.0, 1.0], [10, 30])}
    (plain,), (chosen,) = (compared("tuned", values, [""] * 40, delta=0.02, chosen=c) for c in (False, True))
    assert plain == chosen


def test_groups_make_a_difference_noisier() -> None:
    random = np.random.default_rng(8)
    shared = {arm: np.repeat(np.where(random.random(40) < 0.5, 1.0, 0.0), 5) for arm in ("base", "tuned")}
    alone, grouped = (
        noise(compared("base", shared, groups, delta=0.02)[0])
        for groups in ([""] * 200, [f"g{n // 5}" for n in range(200)])
    )
    assert alone[0] == grouped[0] == pytest.approx(np.mean(shared["tuned"] != shared["base"]))
    assert 1 <= alone[1] < 1.2
    assert 4 < grouped[1] < 6.5  # every group of 5 is one case, said five times


def test_an_arm_that_was_stopped_is_compared_by_its_sequence() -> None:
    random = np.random.default_rng(9)
    values = {arm: np.where(random.random(60) < 0.2 + 0.6 * ("tuned" in arm), 1.0, 0.0) for arm in ("base", "tuned")}
    values["base"][40:] = np.nan
    (early,) = compared("base", values, [""] * 60, delta=0.02, early=["base"])
    (fixed,) = compared("base", values, [""] * 60, delta=0.02)
    assert (early.test, early.cases) == ("confidence sequence", 40)
    assert early.low < fixed.low < early.difference == fixed.difference < fixed.high < early.high
    assert early.told_apart


def test_a_sequence_holds_the_mean_of_cases_whose_group_is_not_whole() -> None:
    values = {"base": np.zeros(60), "tuned": np.repeat([0.0, 1.0], [20, 40])}
    values["tuned"][50:] = np.nan
    groups = [f"single {n}" for n in range(20)] + ["large"] * 40
    (early,) = compared("base", values, groups, delta=0.02, early=["tuned"])
    assert early.low <= early.difference <= early.high
