"""Power against simulated studies with the exact test, and against scipy's normal distribution."""

import math

import numpy as np
import pytest
from scipy import stats

from afina.evaluation.statistics.power import cases_for, power_of, smallest_effect
from afina.evaluation.statistics.resampling import mcnemar


def simulated(cases: int, effect: float, disagree: float, *, alpha: float = 0.05) -> float:
    """The share of 4,000 studies in which exact McNemar finds the difference."""
    shares = [(disagree + effect) / 2, (disagree - effect) / 2, 1 - disagree]
    counts = np.random.default_rng(1).multinomial(cases, shares, size=4000)
    return float(np.mean([wins > losses and mcnemar(wins, losses) <= alpha for wins, losses, _ in counts.tolist()]))


@pytest.mark.parametrize(
    ("cases", "effect", "disagree"), [(200, 0.1, 0.2), (400, 0.06, 0.15), (150, 0.2, 0.6), (600, 0.08, 0.4)]
)
def test_power_is_what_exact_studies_reach(cases: int, effect: float, disagree: float) -> None:
    assert power_of(cases, effect, disagree) == pytest.approx(simulated(cases, effect, disagree), abs=0.05)
    shared = simulated(cases, effect, disagree, alpha=0.05 / 5)
    assert power_of(cases, effect, disagree, arms=5) == pytest.approx(shared, abs=0.06)


def test_power_by_scipy() -> None:
    z = stats.norm.ppf(0.975)
    expected = stats.norm.sf(z * math.sqrt(0.2) - 0.1 * math.sqrt(200), scale=math.sqrt(0.19))
    assert power_of(200, 0.1, 0.2) == pytest.approx(expected)
    needed = ((z * math.sqrt(0.2) + stats.norm.ppf(0.8) * math.sqrt(0.19)) / 0.1) ** 2
    assert cases_for(0.1, 0.2) == math.ceil(needed)
    assert cases_for(0.1, 0.2, inflation=2) == math.ceil(2 * needed)


@pytest.mark.parametrize("arms", [1, 5])
@pytest.mark.parametrize("cases", [60, 200, 1000])
def test_the_three_agree(cases: int, arms: int) -> None:
    effect = smallest_effect(cases, 0.3, arms=arms, power=0.9)
    assert effect is not None
    assert power_of(cases, effect, 0.3, arms=arms) == pytest.approx(0.9)
    assert abs(cases_for(effect, 0.3, arms=arms, power=0.9) - cases) <= 1


def test_what_cannot_be_found() -> None:
    assert smallest_effect(10, 0.02) is None
    assert smallest_effect(200, 0.0) is None
    assert power_of(30, 0.2, 0.2) == pytest.approx(
        stats.norm.cdf((0.2 * 30**0.5 - 1.95996 * 0.2**0.5) / 0.16**0.5), 1e-4
    )
    assert power_of(10, 1.0, 1.0) == 1.0
    with pytest.raises(ValueError, match=r"effect 0\.3"):
        power_of(100, 0.3, 0.2)
    with pytest.raises(ValueError, match=r"effect 0\.0"):
        cases_for(0.0, 0.2)
