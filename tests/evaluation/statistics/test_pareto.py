"""The front of arms, against what domination means."""

from hypothesis import given
from hypothesis import strategies as st

from afina.evaluation.statistics.pareto import dominators, front

UP_DOWN = (True, False)
values = st.one_of(st.none(), st.integers(0, 3).map(float))
clouds = st.dictionaries(st.sampled_from("abcdefg"), st.tuples(values, values, values), min_size=1)


def test_quality_against_cost() -> None:
    points = {
        "base": (0.2, 1.0),
        "tuned": (0.6, 1.0),
        "knowledge": (0.7, 3.0),
        "waste": (0.6, 4.0),
        "large": (0.9, 9.0),
    }
    assert front(points, higher=UP_DOWN) == ("tuned", "knowledge", "large")
    assert dominators(points, higher=UP_DOWN)["waste"] == ("tuned", "knowledge")


def test_equals_stay() -> None:
    assert front({"a": (0.5, 1.0), "b": (0.5, 1.0), "c": (0.5, 2.0)}, higher=UP_DOWN) == ("a", "b")


def test_an_unknown_cost_wins_over_nothing() -> None:
    assert front({"a": (0.9, None), "b": (0.5, 7.0)}, higher=UP_DOWN) == ("a", "b")
    assert front({"a": (0.9, 7.0), "b": (0.5, None)}, higher=UP_DOWN) == ("a",)
    assert front({"a": (0.9, None), "b": (0.5, None)}, higher=UP_DOWN) == ("a",)
    assert front({"a": (None, None), "b": (0.5, 1.0)}, higher=UP_DOWN) == ("a", "b")


@given(clouds)
def test_the_front_is_never_empty_and_beats_all_the_rest(points: dict[str, tuple[float | None, ...]]) -> None:
    higher = (True, False, True)
    on = front(points, higher=higher)
    by = dominators(points, higher=higher)
    assert on
    for name in points:
        assert name not in by[name]
        assert name in on or set(by[name]) & set(on)
