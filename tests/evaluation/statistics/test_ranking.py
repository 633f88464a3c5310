"""Rankings against trec_eval through ir-measures, and by hand."""

import math

import ir_measures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, Qrel, R, ScoredDoc, nDCG

from afina.evaluation.statistics.ranking import average_precision, mrr, ndcg, recall

NAMES = [f"d{n}" for n in range(12)]
rankings = st.lists(st.sampled_from(NAMES), unique=True, min_size=1)
grades = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3), min_size=1).filter(lambda g: any(g.values()))


@settings(max_examples=150, deadline=None)
@given(rankings, grades, st.integers(1, 12))
def test_against_trec_eval(ranked: list[str], relevant: dict[str, int], k: int) -> None:
    run = [ScoredDoc("q", name, float(-rank)) for rank, name in enumerate(ranked)]
    judged = [Qrel("q", name, grade) for name, grade in relevant.items()]
    expected = ir_measures.calc_aggregate([nDCG @ k, R @ k, RR @ k, AP], judged, run)
    plain = {name: float(grade) for name, grade in relevant.items()}
    assert ndcg(ranked, plain, k=k) == pytest.approx(expected[nDCG @ k])
    assert recall(ranked, plain, k=k) == pytest.approx(expected[R @ k])
    assert mrr(ranked, plain, k=k) == pytest.approx(expected[RR @ k])
    assert average_precision(ranked, plain) == pytest.approx(expected[AP])


def test_by_hand() -> None:
    """Grades 3, 0, 1 were found and a 2 was not: (3 + 1/2) / (3 + 2/log2(3) + 1/2)."""
    ranked, relevant = ["a", "x", "c"], {"a": 3.0, "b": 2.0, "c": 1.0, "x": 0.0}
    assert ndcg(ranked, relevant, k=10) == pytest.approx(3.5 / (3 + 2 / math.log2(3) + 0.5))
    assert recall(ranked, relevant, k=2) == pytest.approx(1 / 3)
    assert mrr(["x", "c"], relevant, k=10) == 0.5
    assert mrr(["x", "c"], relevant, k=1) == 0.0
    assert average_precision(ranked, relevant) == pytest.approx((1 + 2 / 3) / 3)


def test_nothing_found_is_a_zero_and_nothing_relevant_no_verdict() -> None:
    for relevant in ({}, {"a": 0.0}):
        assert math.isnan(ndcg(["a"], relevant, k=10))
        assert math.isnan(recall(["a"], relevant, k=10))
        assert math.isnan(mrr(["a"], relevant, k=10))
        assert math.isnan(average_precision(["a"], relevant))
    assert (ndcg([], {"a": 1.0}, k=10), recall([], {"a": 1.0}, k=10), mrr([], {"a": 1.0}, k=10)) == (0.0, 0.0, 0.0)
    assert average_precision([], {"a": 1.0}) == 0.0


def test_an_id_ranked_twice_is_refused() -> None:
    with pytest.raises(ValueError, match='"b" is ranked twice'):
        ndcg(["a", "b", "b"], {"a": 1.0}, k=10)
