"""What a study of some size can find: power of the paired test of right and wrong, by its normal approximation.

For n pairs of which a share q disagrees, with a true difference d, the test statistic has mean d sqrt(n) and standard
deviation sqrt(q) where nothing differs, sqrt(q - d^2) in truth (Connor 1987, "Sample size for testing differences in
proportions for the paired-sample design", Biometrics 43). Values between 0 and 1 obey the same with q the mean squared
difference. Several arms share 5 % (Bonferroni, the first step of Holm). `inflation`: how many times the variance is
larger than that of independent cases (groups).
"""

import math
from statistics import NormalDist

NORMAL = NormalDist()
ALPHA = 0.05


def power_of(cases: int, effect: float, disagree: float, *, arms: int = 1, inflation: float = 1.0) -> float:
    """The chance that a study tells a true difference of `effect` from 0, in the right direction.

    The exact test is careful: it finds 2 to 4 points less where 40 pairs or more disagree, and 8 where 15 do.

    Raises:
        ValueError: see `_check`.
    """
    _check(effect, disagree)
    distance = effect * math.sqrt(cases / inflation) - _surprise(arms) * math.sqrt(disagree)
    spread = math.sqrt(disagree - effect**2)
    return NORMAL.cdf(distance / spread) if spread else float(distance >= 0)


def cases_for(effect: float, disagree: float, *, arms: int = 1, power: float = 0.8, inflation: float = 1.0) -> int:
    """How many cases find a true difference of `effect` with the chance `power`.

    Raises:
        ValueError: see `_check`.
    """
    _check(effect, disagree)
    reach = _surprise(arms) * math.sqrt(disagree) + NORMAL.inv_cdf(power) * math.sqrt(disagree - effect**2)
    return max(1, math.ceil(inflation * (reach / effect) ** 2))


def smallest_effect(
    cases: int, disagree: float, *, arms: int = 1, power: float = 0.8, inflation: float = 1.0
) -> float | None:
    """The smallest true difference that a study finds with the chance `power`.

    None: not even the largest one that arms which disagree so seldom can have (`disagree` itself).
    """
    low, high = 0.0, disagree
    if not disagree or power_of(cases, high, disagree, arms=arms, inflation=inflation) < power:
        return None
    for _ in range(50):
        middle = (low + high) / 2
        enough = power_of(cases, middle, disagree, arms=arms, inflation=inflation) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def _surprise(arms: int) -> float:
    return NORMAL.inv_cdf(1 - ALPHA / 2 / arms)


def _check(effect: float, disagree: float) -> None:
    """Two arms cannot differ by more than the share of cases on which they disagree."""
    if not 0 < effect <= disagree <= 1:
        raise ValueError(f"effect {effect} must be above 0 and at most disagree {disagree}, which is at most 1")
