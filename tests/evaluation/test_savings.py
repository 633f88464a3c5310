"""What a call saves, and when preparing has paid, in each unit that arms are ordered by."""

import pytest

from afina.domain.report import ArmResult, Cost, Estimate, Preparation
from afina.evaluation.cost import Rates
from afina.evaluation.savings import savings
from afina.evaluation.show.sentences import breaks_even
from afina.evaluation.show.words import words


def arm(name: str, unit: str, price: float, *, prepared_cpu_s: float | None = None, adapter: str = "") -> ArmResult:
    cost = Cost(money=price, cpu_s=price, seconds=price, unit=unit)
    return ArmResult(
        name=name, what="", quality=Estimate(0.5), metrics={}, cost=cost, recipe={"adapter": adapter},
        preparation=Preparation(cpu_s=prepared_cpu_s, seconds=prepared_cpu_s),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "rates", "calls"),
    [
        ("CPU-seconds", Rates(), 3600),
        ("seconds", Rates(), 3600),
        ("money", Rates(cpu_hour_price=0.5), 1),
        ("money", Rates(), 0),  # CPU time has no price, so preparing cost no money
    ],
)
def test_preparing_has_paid_after_so_many_calls(unit: str, rates: Rates, calls: int) -> None:
    arms = [arm("examples", unit, 1.5), arm("tuned", unit, 0.5, prepared_cpu_s=3600, adapter="a")]
    (found,) = savings(arms, lambda one, other: False, rates)
    assert (found.cost, found.calls) == (1.0, calls)


def test_a_preparation_of_unknown_cost_is_not_said_to_never_pay() -> None:
    arms = [arm("examples", "CPU-seconds", 1.5), arm("tuned", "CPU-seconds", 0.5, adapter="a")]
    (found,) = savings(arms, lambda one, other: False, Rates())
    assert breaks_even(found, words("en")).endswith("is not known")
    assert "no se sabe tras cuántas llamadas" in breaks_even(found, words("es"))
