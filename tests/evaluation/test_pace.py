"""How long a study has left, while little is known and when arms are stopped."""

from afina.evaluation.pace import Leg, Pace

ONE: Leg = ("quality", "one")
TWO: Leg = ("quality", "two")
ALONE: Leg = ("latency", "one")


def test_nothing_is_known_before_anything_was_measured() -> None:
    pace = Pace({ONE: 10, TWO: 10})
    assert (pace.left_s(), pace.done, pace.total) == (None, 0, 20)


def test_each_leg_goes_at_its_own_rate_and_unknown_ones_at_that_of_their_pass() -> None:
    pace = Pace({ONE: 10, TWO: 10})
    for _ in range(5):
        pace.tick(ONE)
    pace.spent(ONE, cases=5, seconds=10)
    assert pace.left_s() == 5 * 2 + 10 * 2
    for _ in range(5):
        pace.tick(TWO)
    pace.spent(TWO, cases=5, seconds=30)
    assert pace.left_s() == 5 * 2 + 5 * 6
    assert pace.done == 10


def test_a_leg_of_a_pass_that_has_not_begun_goes_at_the_rate_of_its_arm() -> None:
    pace = Pace({ALONE: 2, ONE: 10})
    for _ in range(2):
        pace.tick(ALONE)
    pace.spent(ALONE, cases=2, seconds=6)
    assert pace.left_s() == 10 * 3


def test_a_leg_that_is_dropped_is_not_waited_for() -> None:
    pace = Pace({ONE: 10, TWO: 10})
    pace.tick(TWO)
    pace.spent(ONE, cases=0, seconds=0)
    pace.drop(TWO)
    assert (pace.total, pace.done) == (11, 1)
