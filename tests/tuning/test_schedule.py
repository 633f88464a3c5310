"""Learning rates: up, then down to zero, also when the plan gets shorter on the way."""

import pytest

from afina.tuning.schedule import Plan, steps_that_fit


def test_rises_and_falls_to_zero() -> None:
    plan = Plan(steps=10, peak=1.0, warm_up=2)
    assert [round(plan.rate(step), 3) for step in range(10)] == [
        0.333, 0.667, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125,
    ]  # fmt: skip
    assert plan.rate(10) == 0


def test_cosine_starts_and_ends_where_linear_does() -> None:
    plan = Plan(steps=10, peak=1.0, shape="cosine")
    assert plan.rate(0) == pytest.approx(1.0)
    assert plan.rate(5) == pytest.approx(0.5)
    assert plan.rate(10) == pytest.approx(0.0)


def test_a_shorter_plan_goes_on_from_the_rate_it_had() -> None:
    plan = Plan(steps=100, peak=1.0, warm_up=4)
    shorter = plan.ending_at(30, now=20)
    assert shorter.rate(20) == pytest.approx(plan.rate(20))
    assert shorter.rate(25) == pytest.approx(plan.rate(20) / 2)
    assert shorter.rate(30) == 0
    during = plan.ending_at(30, now=3)
    assert during.rate(3) == plan.rate(3)
    assert during.rate(30) == 0


def test_steps_that_fit() -> None:
    assert steps_that_fit(done=8, seconds=20, seconds_a_step=2, limit_s=60, reserve_s=10) == 23
    assert steps_that_fit(done=8, seconds=100, seconds_a_step=2, limit_s=60, reserve_s=10) == 9
