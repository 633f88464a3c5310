"""The cost of an answer, by numbers worked by hand."""

from dataclasses import replace

import pytest

from afina.domain.answer import Used
from afina.domain.report import Cost, Preparation
from afina.domain.row import Row
from afina.evaluation.cost import GRID_G_PER_KWH, WATTS_PER_CORE, Rates, bill, costs, energy

RATES = Rates(watts_per_core=36, grid_g_per_kwh=500, amortised_over=100)


def row(case: int, *, turn: str = "quality", block: int = 1, cost: float | None = None, cpu_s: float | None = 2.0,
        own: float | None = 0.5, energy_j: float | None = None, failed: str = "") -> Row:  # fmt: skip
    used = Used(prompt_tokens=100, completion_tokens=10, seconds=1.0, first_s=0.2, cpu_s=cpu_s, cost=cost)
    return Row(
        arm="a", case=f"c{case}", turn=turn, block=block, used=used, own_cpu_s=own, energy_j=energy_j,  # type: ignore[arg-type]
        failed=failed,
    )  # fmt: skip


def cost_of(*rows: Row, rates: Rates = RATES, preparation: Preparation | None = None) -> Cost:
    return costs({"a": rows}, {"a": preparation or Preparation()}, rates)["a"]


def test_cpu_is_the_engines_batched_and_this_processs_alone() -> None:
    """Engine: 2 and 4 s, the first block left out; own: 0.1 and 0.3 s of the latency pass, 9 s of quality are shared
    work. 3 + 0.2 s at 36 W are 0.032 Wh, at 500 g a kWh 0.016 g."""
    cost = cost_of(
        row(0, block=0, cpu_s=100, own=9),
        row(1, cpu_s=2, own=9),
        row(2, cpu_s=4, own=9),
        row(3, cpu_s=50, failed="engine_error: x"),
        row(0, turn="latency", own=0.1, cpu_s=70),
        row(3, turn="latency", own=0.3, cpu_s=70),
    )
    assert cost.cpu_s == pytest.approx(3.2)
    assert (cost.energy_wh, cost.carbon_g) == pytest.approx((0.032, 0.016))
    assert not cost.measured
    assert cost.per_answer == pytest.approx(3.2)
    assert cost.unit == "CPU-seconds"


def test_a_single_block_counts_as_it_is() -> None:
    assert cost_of(row(0, block=0, cpu_s=3), row(0, turn="latency", own=1)).cpu_s == pytest.approx(4)


@pytest.mark.parametrize(
    "rows",
    [
        (row(1, cpu_s=None), row(1, turn="latency")),
        (row(1), row(1, turn="latency", own=None)),
        (row(1), row(2, cpu_s=None), row(1, turn="latency")),
        (row(1),),
    ],
)
def test_unknown_cpu_is_unknown_energy_and_no_zero(rows: tuple[Row, ...]) -> None:
    cost = cost_of(*rows)
    assert (cost.cpu_s, cost.energy_wh, cost.carbon_g) == (None, None, None)
    assert cost.unit == ("seconds" if len(rows) > 1 else "tokens")


def test_counters_are_believed_only_if_they_saw_every_answer() -> None:
    """7.2 and 14.4 J, the case of the latency pass left out: 10.8 J are 0.003 Wh, 0.0015 g."""
    alone = row(0, turn="latency")
    seen = [row(0, block=0, energy_j=900), row(1, energy_j=7.2), row(2, energy_j=14.4)]
    cost = cost_of(*seen, alone)
    assert cost.measured
    assert (cost.energy_wh, cost.carbon_g) == pytest.approx((0.003, 0.0015))
    missing = cost_of(replace(seen[0], energy_j=None), *seen[1:], alone)
    assert not missing.measured
    assert missing.energy_wh == pytest.approx(2.5 * 36 / 3600)
    failed = cost_of(*seen, row(3, failed="x"), alone)
    assert failed.measured


def test_this_machines_counters_say_nothing_of_an_engine_elsewhere() -> None:
    far = cost_of(row(1, cpu_s=None, energy_j=7.2), row(1, turn="latency"))
    assert (far.measured, far.energy_wh) == (False, None)
    assert energy(row(1, cpu_s=None, energy_j=7.2), RATES) is None


def test_the_preparation_is_spread_and_stands_apart() -> None:
    """1,000 s at 36 W are 10 Wh, over 100 answers 0.1 Wh; 10 s of CPU go into what orders the arms."""
    cost = cost_of(row(1), row(1, turn="latency"), preparation=Preparation(cpu_s=1000, seconds=500))
    assert cost.prepared_wh == pytest.approx(0.1)
    assert cost.energy_wh == pytest.approx(0.025)
    assert cost.per_answer == pytest.approx(12.5)
    assert cost_of(row(1), row(1, turn="latency")).prepared_wh is None


def test_money_without_a_price_of_cpu_is_that_of_priced_engines() -> None:
    alone = row(1, turn="latency")
    assert cost_of(row(1, cost=0.2), row(2, cost=0.4), alone).money == pytest.approx(0.3)
    assert cost_of(row(1, cost=0.2), row(2), alone).money is None
    assert cost_of(row(1), alone).money is None


def test_money_with_a_price_of_cpu() -> None:
    """3.6 an hour is 0.001 a second: 2 + 0.5 s are 0.0025. Elsewhere and priced: 0.3 and the 0.5 s here. Routed: half
    of the answers cost 0.4 elsewhere."""
    rates = replace(RATES, cpu_hour_price=3.6)
    alone = row(1, turn="latency")
    here = cost_of(row(1), row(2), alone, rates=rates, preparation=Preparation(cpu_s=1000))
    assert here.money == pytest.approx(0.0025)
    assert here.per_answer == pytest.approx(0.0025 + 1000 * 0.001 / 100)
    assert here.unit == "money"
    far = [row(n, cost=c, cpu_s=None) for n, c in ((1, 0.2), (2, 0.4))]
    assert cost_of(*far, alone, rates=rates).money == pytest.approx(0.3 + 0.0005)
    assert cost_of(row(1), row(2, cost=0.4), alone, rates=rates).money == pytest.approx(0.2 + 0.0025)
    assert cost_of(row(1, cpu_s=None), alone, rates=rates).money is None
    assert cost_of(row(1), rates=rates).money is None


def test_a_row_by_itself() -> None:
    priced = replace(RATES, cpu_hour_price=3.6)
    assert bill(row(1), RATES) == 0
    assert bill(row(1), priced) == pytest.approx(0.0025)
    assert bill(row(1, cost=0.2), RATES) == pytest.approx(0.2)
    assert bill(row(1, cost=0.2, cpu_s=None), priced) == pytest.approx(0.2005)
    assert bill(row(1, cpu_s=None), priced) is None
    assert energy(row(1), RATES) == pytest.approx(0.025)
    assert energy(row(1, energy_j=7.2), RATES) == pytest.approx(0.002)


def test_an_arm_without_answers_costs_nothing_that_is_known() -> None:
    cost = cost_of(row(1, failed="x"))
    assert (cost.cpu_s, cost.energy_wh, cost.measured, cost.money) == (None, None, False, None)


def test_the_defaults() -> None:
    assert Rates() == Rates(watts_per_core=10, grid_g_per_kwh=481, amortised_over=10_000, cpu_hour_price=None)
    assert (WATTS_PER_CORE, GRID_G_PER_KWH) == (10, 481)


def test_energy_of_a_right_answer() -> None:
    cost = cost_of(row(1), row(1, turn="latency"))
    assert cost.per_correct(cost.energy_wh, 0.25) == pytest.approx(0.1)
    assert cost.per_correct(cost.energy_wh, 0.0) is None
