"""Effects of a factorial against hand-worked numbers and a least-squares fit with -1/2 and +1/2 coding."""

from itertools import combinations, product

import numpy as np
import pytest
from numpy.typing import NDArray

from afina.evaluation.statistics.factorial import effects
from afina.evaluation.statistics.resampling import interval

Floats = NDArray[np.float64]
NONE: frozenset[str] = frozenset()
K, T, KT = frozenset({"knowledge"}), frozenset({"tuned"}), frozenset({"knowledge", "tuned"})


def test_two_by_two_by_hand() -> None:
    """Shares right: 1/4, 2/4, 2/4, 4/4. Knowledge: (2-1 + 4-2)/2 of 4 = 0.375, so tuned; together 4-2-2+1 = 1 of 4."""
    values = {
        NONE: np.array([1.0, 0, 0, 0]),
        K: np.array([1.0, 1, 0, 0]),
        T: np.array([1.0, 0, 1, 0]),
        KT: np.ones(4),
    }
    found = {e.factors: e for e in effects(values, [""] * 4)}
    assert {f: e.difference for f, e in found.items()} == pytest.approx(
        {("knowledge",): 0.375, ("tuned",): 0.375, ("knowledge", "tuned"): 0.25}
    )
    assert found["knowledge",].difference + found["tuned",].difference == pytest.approx(1 - 0.25)  # both, in all
    assert all(e.cases == 4 and -2 <= e.low <= e.difference <= e.high <= 2 for e in found.values())


def three_factors(cases: int) -> dict[frozenset[str], Floats]:
    """Every set of a, b and c: each adds 0.2 of how easy a case is, and a and b together 0.1 more."""
    random = np.random.default_rng(4)
    easy = random.random(cases)
    cells = [frozenset(on) for size in range(4) for on in combinations("abc", size)]
    chances = {on: easy * (0.3 + 0.2 * len(on)) + 0.1 * ({"a", "b"} <= on) for on in cells}
    return {on: np.where(random.random(cases) < chance, 1.0, 0.0) for on, chance in chances.items()}


def test_three_factors_are_the_coefficients_of_a_linear_model() -> None:
    values = three_factors(150)
    coded, outcomes = [], []
    for on in product([False, True], repeat=3):
        a, b, c = (0.5 if is_on else -0.5 for is_on in on)
        cell = frozenset(name for name, is_on in zip("abc", on, strict=True) if is_on)
        coded += [[1, a, b, c, a * b, a * c, b * c, a * b * c]] * 150
        outcomes += values[cell].tolist()
    fitted = np.linalg.lstsq(np.array(coded), np.array(outcomes), rcond=None)[0]
    found = effects(values, [""] * 150)
    assert [e.factors for e in found] == [("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c")]
    assert [e.difference for e in found] == pytest.approx(fitted[1:7])


def test_intervals_are_paired_and_by_group() -> None:
    values, groups = three_factors(60), [f"g{n // 6}" for n in range(60)]
    differences = np.mean([values[s | {"a"}] - values[s] for s in values if "a" not in s], axis=0)
    low, high = interval(differences, np.arange(60) // 6, bounds=(-1, 1), seed=3)
    first = effects(values, groups, seed=3)[0]
    assert (first.low, first.high) == (low[0], high[0])


def test_a_partial_design_reports_what_it_can() -> None:
    values = three_factors(40)
    partial = {cell: values[cell] for cell in values if "c" not in cell or cell == {"a", "b", "c"}}
    found = {e.factors: e.difference for e in effects(partial, [""] * 40)}
    ab, abc = values[frozenset("ab")], values[frozenset("abc")]
    assert found["c",] == pytest.approx((abc - ab).mean())
    assert set(found) == {("a",), ("b",), ("c",), ("a", "b")}
    assert effects({K: np.ones(3), T: np.zeros(3)}, [""] * 3) == ()
    assert [e.factors for e in effects({NONE: np.zeros(3), KT: np.ones(3), K: np.ones(3)}, [""] * 3)] == [
        ("knowledge",), ("tuned",),
    ]  # fmt: skip


def test_no_verdict_is_not_a_zero() -> None:
    values = {NONE: np.array([0.0, 0.0, np.nan]), K: np.array([1.0, np.nan, 1.0])}
    (only,) = effects(values, [""] * 3)
    assert (only.difference, only.cases) == (1.0, 1)
    assert effects({NONE: np.array([np.nan]), K: np.array([1.0])}, [""]) == ()
