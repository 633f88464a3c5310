"""Which arm is the best: the figure counts, and on how many cases it stands."""

from afina.domain.report import ArmResult, Cost, Estimate
from afina.evaluation.recommend import best_of


def arm(name: str, quality: float | None, cases: int, price: float = 1.0) -> ArmResult:
    cost = Cost(per_answer=price, unit="CPU-seconds")
    return ArmResult(name=name, what="", quality=Estimate(quality, 0.0, 1.0, cases), metrics={}, cost=cost)


def test_one_right_verdict_does_not_beat_fifty() -> None:
    """A judge that is silent on all cases but one has no verdict there, and is no better for it."""
    assert best_of([arm("silent", 1.0, 1), arm("steady", 0.9, 60, price=9.0)]).name == "steady"
    assert best_of([arm("terse", 1.0, 30), arm("steady", 0.9, 60)]).name == "terse"


def test_of_equals_the_cheapest_and_without_verdicts_the_cheapest() -> None:
    assert best_of([arm("dear", 0.9, 60, price=9.0), arm("cheap", 0.9, 60)]).name == "cheap"
    assert best_of([arm("dear", None, 0, price=9.0), arm("cheap", None, 0)]).name == "cheap"
