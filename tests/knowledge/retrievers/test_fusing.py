"""Fusing against values worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afina.knowledge.retrievers._fusing import best_rows, candidates, convex, reciprocal, spread


def test_convex_by_hand() -> None:
    lexical, dense = np.array([4, 0, 2], np.float32), np.array([0.1, 0.5, 0.3], np.float32)
    assert convex(lexical, dense, 0.75) == pytest.approx([0.75, 0.25, 0.5])


def test_reciprocal_by_hand() -> None:
    lexical, dense = np.array([4, 0, 2], np.float32), np.array([0.1, 0.5, 0.3], np.float32)
    assert reciprocal(lexical, dense) == pytest.approx([1 / 61 + 1 / 63, 1 / 63 + 1 / 61, 2 / 62])


def test_equal_scores_are_spread_to_nothing() -> None:
    assert spread(np.array([3, 3], np.float32)).tolist() == [0, 0]
    assert len(spread(np.zeros(0, np.float32))) == 0


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 50))
def test_best_rows_are_those_of_a_full_sort(values: list[int], count: int) -> None:
    scores = np.array(values, np.float32)
    assert best_rows(scores, count).tolist() == np.argsort(-scores, kind="stable")[:count].tolist()
    allowed = np.arange(0, len(values), 2)
    expected = [row for row in np.argsort(-scores, kind="stable").tolist() if row % 2 == 0][:count]
    assert best_rows(scores, count, allowed).tolist() == expected


def test_candidates_come_from_both() -> None:
    lexical, dense = np.array([9, 8, 0, 0], np.float32), np.array([0, 0, 8, 9], np.float32)
    assert candidates(lexical, dense, 1).tolist() == [0, 3]
    assert candidates(lexical, dense, 1, np.array([1, 2])).tolist() == [1, 2]
