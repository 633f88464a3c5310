"""Which arms a budget stops, by numbers worked by hand."""

import random

import pytest

from afina.domain.answer import Used
from afina.domain.report import Preparation, Stopped
from afina.domain.row import Row
from afina.errors import BadRequest
from afina.evaluation.budget import Budget, over, too_dear
from afina.evaluation.cost import Rates

RATES = Rates(watts_per_core=36)


def row(arm: str, case: int, *, turn: str = "quality", wall_s: float | None = 60.0, tokens: int = 100,
        cost: float | None = None, cpu_s: float | None = 100.0, energy_j: float | None = None,
        failed: str = "") -> Row:  # fmt: skip
    used = Used(prompt_tokens=tokens - 10, completion_tokens=10, cost=cost, cpu_s=cpu_s)
    return Row(
        arm=arm, case=f"c{case}", turn=turn, block=0, used=used, wall_s=wall_s, energy_j=energy_j,  # type: ignore[arg-type]
        own_cpu_s=0.0, failed=failed,
    )  # fmt: skip


def arms(count: int = 2, **minutes: float) -> dict[str, list[Row]]:
    """Rows of arms that take so many minutes a case."""
    return {arm: [row(arm, n, wall_s=each * 60) for n in range(count)] for arm, each in minutes.items()}


def stops(budget: Budget, rows: dict[str, list[Row]], *, cases: int = 8, rates: Rates = RATES,
          **prepared: Preparation) -> tuple[Stopped, ...]:  # fmt: skip
    return over(budget, rows, left=dict.fromkeys(rows, cases), prepared=prepared, rates=rates)


def test_within_the_budget_nothing_stops() -> None:
    """(1 + 2) minutes for 2 + 8 cases are 30: as much as it may be."""
    assert stops(Budget(minutes=30), arms(base=1, slow=2)) == ()
    assert stops(Budget(), arms(base=1, slow=2)) == ()


def test_the_dearest_is_stopped_and_told_what_it_would_have_come_to() -> None:
    """Done: 2 * (1 + 2 + 4) = 14 minutes; to come: 8 * 7 = 56; in all 70. Without d: 14 + 24 = 38; without c: 22."""
    rows = arms(base=1, c=2, d=4)
    assert stops(Budget(minutes=69), rows) == (
        Stopped("d", "budget", after_cases=2, limit="minutes", would=pytest.approx(70), of=69),  # type: ignore[arg-type]
    )
    both = stops(Budget(minutes=37), rows)
    assert [s.arm for s in both] == ["d", "c"]
    assert [s.would for s in both] == pytest.approx([70, 38])


def test_base_goes_on_even_if_it_is_over() -> None:
    assert [s.arm for s in stops(Budget(minutes=0.5), arms(base=9, c=1))] == ["c"]


def test_preparations_and_the_latency_pass_count_as_spent() -> None:
    rows = arms(base=1, c=1)
    rows["c"].append(row("c", 0, turn="latency", wall_s=600))
    assert stops(Budget(minutes=30), rows) == ()  # 2 * 10 + 10
    assert [s.arm for s in stops(Budget(minutes=30), rows, c=Preparation(seconds=60))] == ["c"]
    assert [s.after_cases for s in stops(Budget(minutes=29), rows)] == [2]


def test_an_arm_that_is_done_or_stopped_counts_only_for_what_it_took() -> None:
    rows = arms(base=1, gone=50)
    assert over(Budget(minutes=110), rows, left={"base": 8, "gone": 0}, prepared={}, rates=RATES) == ()  # 100 + 10
    assert over(Budget(minutes=109), rows, left={"base": 8}, prepared={}, rates=RATES) == ()


def test_an_arm_that_has_not_begun_adds_nothing_yet() -> None:
    rows = {**arms(base=1), "later": []}
    assert stops(Budget(minutes=10), rows) == ()
    assert over(Budget(minutes=10), arms(base=1), left={"base": 8, "later": 8}, prepared={}, rates=RATES) == ()


def test_tokens() -> None:
    """(100 + 300) tokens for 10 cases are 4,000."""
    rows = {"base": [row("base", 0)] * 2, "long": [row("long", n, tokens=300) for n in range(2)]}
    assert stops(Budget(tokens=4000), rows) == ()
    assert [(s.arm, s.limit, s.would) for s in stops(Budget(tokens=3999), rows)] == [("long", "tokens", 4000)]


def test_energy_is_measured_where_counters_saw_it_and_else_modelled() -> None:
    """Modelled: 100 s at 36 W are 1 Wh, for 10 cases 10; measured: 7,200 J are 2 Wh, for 10 cases 20; a preparation of
    1,000 s is 10 Wh."""
    rows = {"base": [row("base", n) for n in range(2)], "hot": [row("hot", n, energy_j=7200) for n in range(2)]}
    assert stops(Budget(energy_wh=30), rows) == ()
    stopped = stops(Budget(energy_wh=39), rows, hot=Preparation(cpu_s=1000))
    assert [s.arm for s in stopped] == ["hot"]
    assert stopped[0].would == pytest.approx(40)


def test_money_stops_only_arms_that_take_money() -> None:
    """The slow arm here costs nothing, so that stopping it would not help; 0.5 for 10 cases are 5."""
    rows = {"base": [row("base", 0)], "slow": [row("slow", 0, wall_s=9e9)], "large": [row("large", 0, cost=0.5)]}
    assert [s.arm for s in stops(Budget(money=4), rows, cases=9)] == ["large"]
    assert stops(Budget(money=5), rows, cases=9) == ()
    dear = {"base": [row("base", 0, cost=0.5)], "slow": rows["slow"]}
    assert stops(Budget(money=1), dear, cases=9) == ()


def test_cpu_that_has_a_price_is_money() -> None:
    """36 an hour is 0.01 a second: 100 s are 1 a case."""
    rates = Rates(cpu_hour_price=36)
    rows = {"base": [row("base", 0, cpu_s=10)], "slow": [row("slow", 0)]}
    assert stops(Budget(money=11), rows, cases=9, rates=rates) == ()
    assert [s.would for s in stops(Budget(money=10), rows, cases=9, rates=rates)] == [pytest.approx(11)]
    assert [s.arm for s in stops(Budget(money=11), rows, cases=9, rates=rates, slow=Preparation(cpu_s=1))] == ["slow"]


@pytest.mark.parametrize(
    ("budget", "unknown"),
    [
        (Budget(money=1), row("far", 0, cpu_s=None)),
        (Budget(energy_wh=1), row("far", 0, cpu_s=None, energy_j=1.0)),
        (Budget(minutes=1), row("far", 0, wall_s=None)),
    ],
)
def test_unknown_is_refused_and_not_taken_for_nothing(budget: Budget, unknown: Row) -> None:
    with pytest.raises(BadRequest, match='with the arm "far": its '):
        stops(budget, {"base": [row("base", 0)], "far": [unknown]})
    assert stops(Budget(tokens=9999), {"far": [unknown]}) == ()


def test_rows_that_do_not_tell_count_as_the_others_of_their_arm() -> None:
    """One told row of 0.5, one failed elsewhere: 2 + 8 cases of 0.5 are 5. All failed: nothing."""
    far = [row("far", 0, cost=0.5, cpu_s=None), row("far", 1, cpu_s=None, failed="engine_error: busy")]
    assert stops(Budget(money=5), {"far": far}) == ()
    assert [s.would for s in stops(Budget(money=4.9), {"far": far})] == [pytest.approx(5)]
    assert stops(Budget(money=1), {"far": far[1:]}) == ()


def test_every_limit_is_kept_and_an_arm_is_stopped_once() -> None:
    rows = {"base": [row("base", 0)], "a": [row("a", 0, wall_s=600, tokens=900)], "b": [row("b", 0, tokens=800)]}
    stopped = stops(Budget(minutes=30, tokens=3000), rows, cases=9)
    assert [(s.arm, s.limit) for s in stopped] == [("a", "minutes"), ("b", "tokens")]


def test_the_order_of_rows_and_arms_changes_nothing() -> None:
    chance = random.Random(1)
    names = ["base", "c", "d", "e"]
    rows = {
        a: [row(a, n, wall_s=chance.random() * 100, tokens=chance.randrange(50, 999)) for n in range(9)] for a in names
    }
    budget = Budget(minutes=30, tokens=60_000)
    first = stops(budget, rows, cases=20)
    assert first
    for _ in range(5):
        mixed = {a: chance.sample(rows[a], 9) for a in chance.sample(names, 4)}
        assert stops(budget, mixed, cases=20) == first


def test_equals_are_stopped_in_one_order() -> None:
    assert [s.arm for s in stops(Budget(minutes=25), arms(base=1, c=1, d=1))] == ["d"]
    assert [s.arm for s in stops(Budget(minutes=25), arms(d=1, c=1, base=1))] == ["d"]


def test_a_preparation_that_alone_breaks_a_limit_is_told_before() -> None:
    """10 minutes were prepared; 21 more make 31. 3,600 s at 36 W are 36 Wh."""
    before = {"prompt": Preparation(seconds=600, cpu_s=600)}

    def told(budget: Budget, estimate: Preparation, rates: Rates = RATES) -> Stopped | None:
        return too_dear(budget, "tuned", estimate, prepared=before, rates=rates)

    long = Preparation(seconds=21 * 60, cpu_s=3600)
    assert told(Budget(minutes=31, tokens=1, money=0.01), long) is None
    assert told(Budget(minutes=30), long) == Stopped("tuned", "budget", limit="minutes", would=31, of=30)
    energy = told(Budget(energy_wh=40), long)
    assert energy is not None
    assert energy.would == pytest.approx(42)
    money = told(Budget(money=1), long, Rates(cpu_hour_price=1))
    assert money is not None
    assert money.would == pytest.approx(4200 / 3600)
    assert told(Budget(minutes=5), Preparation()) is None


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["minutes", "tokens", "money", "energy_wh"])
def test_impossible_limits_are_refused(name: str, limit: float) -> None:
    with pytest.raises(BadRequest, match=f"the budget of {name} is .* above 0") as refused:
        Budget(**{name: limit})
    assert refused.value.param == name


def test_the_limits_that_are_set() -> None:
    assert Budget(minutes=5, money=0.5).limits == {"minutes": 5, "money": 0.5}
