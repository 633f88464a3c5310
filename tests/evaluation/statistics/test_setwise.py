"""Figures of a whole set against scikit-learn, and their intervals against simulation."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.calibration import calibration_curve

from afina.evaluation.statistics.setwise import (
    Figure,
    accuracy,
    calibration_error,
    cohen_kappa,
    confusion,
    expected_calibration_error,
    macro_f1,
    macro_recall,
    resampled,
)

nan = float("nan")
pairs = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([*"abcde", None])), min_size=1, max_size=40)
Labels = Sequence[str | None]


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_against_scikit_learn(rows: list[tuple[str, str | None]]) -> None:
    """A missing prediction is one of a label that is left out of the average."""
    gold, predicted = [g for g, _ in rows], [p for _, p in rows]
    said = ["none" if p is None else p for p in predicted]
    labels = sorted({*gold, *said} - {"none"})
    assert accuracy(gold, predicted) == pytest.approx(metrics.accuracy_score(gold, said))
    f1 = metrics.f1_score(gold, said, labels=labels, average="macro", zero_division=0)
    assert macro_f1(gold, predicted) == pytest.approx(f1)
    recalls = metrics.recall_score(gold, said, labels=sorted(set(gold)), average="macro", zero_division=0)
    assert macro_recall(gold, predicted) == pytest.approx(recalls)
    names, counts = confusion(gold, predicted)
    theirs = metrics.confusion_matrix(gold, said, labels=[*labels, "none"])[:-1]
    assert names == tuple(labels)
    assert counts.tolist() == theirs.tolist()


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_kappa_against_scikit_learn(rows: list[tuple[str, str | None]]) -> None:
    both = [(a, b) for a, b in rows if b is not None]
    ours = cohen_kappa([a for a, _ in rows], [b for _, b in rows])
    if len({label for row in both for label in row}) < 2:
        assert np.isnan(ours)
    else:
        assert ours == pytest.approx(metrics.cohen_kappa_score([a for a, _ in both], [b for _, b in both]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 20))
def test_calibration_against_scikit_learn(rows: list[tuple[float, bool]], bins: int) -> None:
    sure, right = np.array([c for c, _ in rows]), np.array([float(r) for _, r in rows])
    shares, means = calibration_curve(right, sure, n_bins=bins, pos_label=1.0)
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    counts = np.bincount(np.searchsorted(edges, sure), minlength=bins)
    expected = (np.abs(shares - means) * counts[counts > 0]).sum() / len(rows)
    assert calibration_error(bins)(sure, right) == pytest.approx(expected)


def test_by_hand() -> None:
    """a: 1 of 2 found, 1 of 1 right, F1 2/3. b: 1 of 1, 1 of 2, F1 2/3. c: none of 1, F1 0."""
    gold, predicted = ["a", "a", "b", "c"], ["a", "b", "b", None]
    assert macro_f1(gold, predicted) == pytest.approx(4 / 9)
    assert macro_recall(gold, predicted) == pytest.approx((0.5 + 1 + 0) / 3)
    assert accuracy(gold, predicted) == 0.5
    assert confusion(gold, predicted)[1].tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    sure, right = np.array([0.95, 0.95, 0.55, nan, 0.9]), np.array([1.0, 0.0, 1.0, 1.0, nan])
    assert expected_calibration_error(sure, right) == pytest.approx((0.9 + 0.45) / 3)


def test_what_is_missing_is_wrong_only_where_it_was_a_prediction() -> None:
    assert accuracy(["a", "b"], ["a", None]) == 0.5
    assert macro_f1(["a", "b"], ["a", None]) == 0.5
    assert cohen_kappa(["a", "b", "a"], ["a", "b", None]) == 1.0
    assert np.isnan(cohen_kappa(["a", None], [None, "a"]))
    assert np.isnan(accuracy([], []))
    assert np.isnan(expected_calibration_error(np.array([nan]), np.array([1.0])))
    with pytest.raises(ValueError, match="known label"):
        macro_f1(["a", None], ["a", "a"])
    with pytest.raises(ValueError, match="from 0 to 1"):
        expected_calibration_error(np.array([1.2]), np.array([1.0]))


def classified(cases: int, labels: int, right: float, random: np.random.Generator) -> tuple[Labels, Labels]:
    gold = random.integers(0, labels, cases)
    guessed = np.where(random.random(cases) < right, gold, random.integers(0, labels, cases))
    return [f"l{n}" for n in gold], [f"l{n}" for n in guessed]


@pytest.mark.parametrize(
    "figure", [accuracy, macro_f1, macro_recall, cohen_kappa], ids=["acc", "f1", "recall", "kappa"]
)
@pytest.mark.parametrize(("cases", "labels", "right"), [(60, 3, 0.6), (150, 8, 0.7), (40, 3, 0.95)])
def test_intervals_cover(figure: Figure, cases: int, labels: int, right: float) -> None:
    random = np.random.default_rng(2)
    truth = figure(*classified(20_000, labels, right, random))
    held = []
    for study in range(100):
        gold, guessed = classified(cases, labels, right, random)
        low, high = resampled(figure, gold, guessed, groups=np.arange(cases), resamples=300, seed=study)
        assert low <= figure(gold, guessed) <= high
        held.append(low <= truth <= high)
    assert np.mean(held) >= 0.9


def confident(cases: int, over: float, random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    sure = random.beta(4, 1.5, cases)
    return sure, np.where(random.random(cases) < sure - over, 1.0, 0.0)


def test_the_interval_of_calibration() -> None:
    random = np.random.default_rng(3)
    truth = expected_calibration_error(*confident(100_000, 0.15, random))
    edges = [
        resampled(expected_calibration_error, *confident(300, 0.15, random), groups=np.arange(300), resamples=300)
        for _ in range(100)
    ]
    assert np.mean([low <= truth <= high for low, high in edges]) >= 0.86


def by_groups(layout: Sequence[int]) -> Callable[[Figure], tuple[float, float]]:
    gold = ["a", "b"] * (sum(layout) // 2)
    predicted = ["a" if n // 10 % 2 else g for n, g in enumerate(gold)]
    groups = np.repeat(np.arange(len(layout)), layout)
    return lambda figure: resampled(figure, gold, predicted, groups=groups, seed=1)


def test_groups_widen_the_interval_and_a_seed_repeats_it() -> None:
    alone, grouped = by_groups([1] * 100)(macro_f1), by_groups([10] * 10)(macro_f1)
    assert grouped[1] - grouped[0] > 1.5 * (alone[1] - alone[0])
    assert by_groups([10] * 10)(macro_f1) == grouped


def test_a_perfect_score_on_few_cases_is_not_certain() -> None:
    labels = ["a", "b", "c"] * 5
    for figure in (accuracy, macro_f1, macro_recall, cohen_kappa):
        low, high = resampled(figure, labels, labels, groups=np.arange(15))
        assert low < 0.9
        assert high == 1.0
    assert resampled(cohen_kappa, ["a"], [None], groups=np.array([0])) == (-1.0, 1.0)
