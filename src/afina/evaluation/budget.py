"""What a study may take in all, and which arms are stopped so that it takes no more."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

from afina.domain.report import Preparation, Stopped
from afina.domain.row import Row
from afina.errors import BadRequest
from afina.evaluation.cost import Rates, bill, energy

UNKNOWN = {
    "minutes": "its rows were measured before time was kept",
    "money": "its engine is elsewhere and has no price_in and price_out",
    "energy_wh": "its engine is elsewhere",
}
"""Why an arm's rows do not tell what it takes; tokens are always told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of a whole study, preparations included; None is no limit.

    minutes: of the clock. tokens: prompt and completion. money: in the currency of the engines' prices. energy_wh:
    watt-hours.

    Raises:
        BadRequest: a limit that is no number above 0.
    """

    minutes: float | None = None
    tokens: float | None = None
    money: float | None = None
    energy_wh: float | None = None

    def __post_init__(self) -> None:
        for name, limit in self.limits.items():
            if not (math.isfinite(limit) and limit > 0):
                rule = "a limit is a number above 0; leave it out for no limit"
                raise BadRequest(f"the budget of {name} is {limit}: {rule}", param=name)

    @property
    def limits(self) -> dict[str, float]:
        """Those that are set, by name."""
        return {name: limit for name, limit in asdict(self).items() if limit is not None}


def over(
    budget: Budget,
    rows_by_arm: Mapping[str, Sequence[Row]],
    *,
    left: Mapping[str, int],
    prepared: Mapping[str, Preparation],
    rates: Rates,
    protected: Collection[str] = ("base",),
) -> tuple[Stopped, ...]:
    """The arms to stop now so that the study keeps within each limit. It follows from the rows alone.

    The study comes to: all that its rows and preparations took, and for each running arm the mean of its quality rows
    times the cases left. While that is over a limit, the running arm that would yet take most of it is stopped;
    protected arms never are, so base alone may go over. An arm without a quality row yet adds nothing to come.
    left: arm -> cases it has yet to answer, for running arms; others only count for what they took.
    prepared: what this study itself spent before the first answer; what several arms share stands under one of them.
    A row that does not tell what it took (a failed one) counts as the mean of its arm's others. An engine here without
    prices costs its CPU time, which is nothing while an hour of it has no price.

    Raises:
        BadRequest: a limit is set in what an arm's answers do not tell: unknown is not nothing.
    """
    running = dict(left)
    stopped = []
    for limit, of in budget.limits.items():
        spent = math.fsum([*(_before(p, limit, rates) for p in prepared.values()),
                           *(_each(a, rows, limit, rates) * len(rows) for a, rows in rows_by_arm.items())])  # fmt: skip
        to_come = {arm: count * _rate(arm, rows_by_arm, limit, rates) for arm, count in running.items()}
        while (would := spent + math.fsum(to_come.values())) > of:
            dearest = max((a for a in to_come if to_come[a] > 0 and a not in protected), default=None,
                          key=lambda a: (to_come[a], a))  # fmt: skip
            if dearest is None:
                break
            done = len({r.case for r in _quality(rows_by_arm[dearest])})
            stopped.append(Stopped(dearest, "budget", after_cases=done, limit=limit, would=would, of=of))
            del to_come[dearest], running[dearest]
    return tuple(stopped)


def too_dear(
    budget: Budget, arm: str, estimate: Preparation, *, prepared: Mapping[str, Preparation], rates: Rates
) -> Stopped | None:
    """Why an arm is not even prepared: with its preparation alone, what was prepared so far would break a limit.

    estimate: what preparing it would take; in a unit that it does not tell it breaks nothing.
    """
    for limit, of in budget.limits.items():
        would = math.fsum(_before(p, limit, rates) for p in (*prepared.values(), estimate))
        if would > of and _before(estimate, limit, rates) > 0:
            return Stopped(arm, "budget", limit=limit, would=would, of=of)
    return None


def _rate(arm: str, rows_by_arm: Mapping[str, Sequence[Row]], unit: str, rates: Rates) -> float:
    return _each(arm, _quality(rows_by_arm.get(arm, ())), unit, rates)


def _quality(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.turn == "quality"]


def _each(arm: str, rows: Sequence[Row], unit: str, rates: Rates) -> float:
    """The mean over rows; 0 for none, and for rows that all failed without a trace."""
    known = [taken for row in rows if (taken := _taken(row, unit, rates)) is not None]
    if known:
        return math.fsum(known) / len(known)
    if all(row.failed for row in rows):
        return 0.0
    raise BadRequest(
        f'a budget of {unit} cannot be kept with the arm "{arm}": {UNKNOWN[unit]}; leave out the arm or the budget',
        param=unit,
    )


def _taken(row: Row, unit: str, rates: Rates) -> float | None:
    if unit == "minutes":
        return None if row.wall_s is None else row.wall_s / 60
    if unit == "tokens":
        return row.used.prompt_tokens + row.used.completion_tokens
    return bill(row, rates) if unit == "money" else energy(row, rates)


def _before(preparation: Preparation, unit: str, rates: Rates) -> float:
    """What a preparation took; its tokens are not kept and count as none."""
    cpu_s = preparation.cpu_s or 0.0
    if unit == "minutes":
        return (preparation.seconds or 0.0) / 60
    if unit == "tokens":
        return 0.0
    return rates.cpu_money(cpu_s) if unit == "money" else rates.watt_hours(cpu_s)
