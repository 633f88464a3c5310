"""What an answer costs: tokens, time, CPU, memory, money, energy, carbon, and the one figure that orders the arms."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from afina.domain.report import Cost, Preparation
from afina.domain.row import Row

WATTS_PER_CORE = 10.0
"""Assumed for the energy model: what a busy core of a server or laptop draws, its share of memory and fans included."""
GRID_G_PER_KWH = 481.0
"""Grams of CO2-equivalent of a kilowatt-hour: the world's mean of 2023, over the life of the plants (Ember 2024 and
Energy Institute 2024, by Our World in Data, ourworldindata.org/grapher/carbon-intensity-electricity). Grids differ: in
that year 56 in France and 713 in India."""
AMORTISED_OVER = 10_000
"""Answers over which the cost of getting there is spread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What turns counts into costs; printed with the report.

    cpu_hour_price: money for an hour of one core; None: CPU time has no price and money is that of priced engines.
    """

    watts_per_core: float = WATTS_PER_CORE
    grid_g_per_kwh: float = GRID_G_PER_KWH
    amortised_over: int = AMORTISED_OVER
    cpu_hour_price: float | None = None

    def watt_hours(self, cpu_s: float) -> float:
        """Modelled energy of CPU time."""
        return cpu_s * self.watts_per_core / 3600

    def cpu_money(self, cpu_s: float) -> float:
        return cpu_s * (self.cpu_hour_price or 0.0) / 3600


def costs(rows: Mapping[str, Sequence[Row]], preparations: Mapping[str, Preparation], rates: Rates) -> dict[str, Cost]:
    """The cost of each arm. `per_answer` is in money if every arm has a price, else in CPU-seconds, else in seconds,
    else in tokens: in the first of these that is known of every arm."""
    plain = {arm: _plain(mine, preparations[arm], rates) for arm, mine in rows.items()}
    for unit in ("money", "CPU-seconds", "seconds", "tokens"):
        prices = {arm: _price(cost, preparations[arm], unit, rates) for arm, cost in plain.items()}
        if all(p is not None for p in prices.values()):
            return {arm: replace(cost, per_answer=prices[arm], unit=unit) for arm, cost in plain.items()}
    return plain


def bill(row: Row, rates: Rates) -> float | None:
    """Money that one row took: what its engine charged, and CPU time here where that has a price.

    An engine here that charges nothing costs its CPU alone: 0 while `cpu_hour_price` is None. None: the engine is
    elsewhere (its CPU time is not known) and has no price.
    """
    if row.used.cost is None and row.used.cpu_s is None:
        return None
    return (row.used.cost or 0.0) + rates.cpu_money((row.used.cpu_s or 0.0) + (row.own_cpu_s or 0.0))


def energy(row: Row, rates: Rates) -> float | None:
    """Watt-hours that one row took: measured if counters saw it, else modelled. None for an engine elsewhere, of which
    the counters of this machine say nothing either."""
    if row.used.cpu_s is None:
        return None
    if row.energy_j is not None:
        return row.energy_j / 3600
    return rates.watt_hours(row.used.cpu_s + (row.own_cpu_s or 0.0))


def _plain(rows: Sequence[Row], preparation: Preparation, rates: Rates) -> Cost:
    said = [r for r in rows if r.turn == "quality" and not r.failed]
    alone = [r for r in rows if r.turn == "latency" and not r.failed]
    # The prompts of cases that were asked in the latency pass may still be in an engine's cache.
    warm = {r.case for r in rows if r.turn == "latency"}
    fresh = [r for r in said if r.case not in warm] or said
    engine_s = _mean([r.used.cpu_s for r in fresh])
    # Arms share stages in the quality pass, so whose work it was shows only where each runs its own.
    own_s = _mean([r.own_cpu_s for r in alone])
    cpu_s = None if engine_s is None or own_s is None else engine_s + own_s
    measured = bool(said) and all(r.energy_j is not None and r.used.cpu_s is not None for r in said)
    modelled_wh = None if cpu_s is None else rates.watt_hours(cpu_s)
    wh = _mean([energy(r, rates) for r in fresh]) if measured else modelled_wh
    before_s = preparation.cpu_s
    return Cost(
        prompt_tokens=_mean([r.used.prompt_tokens for r in said]) or 0.0,
        completion_tokens=_mean([r.used.completion_tokens for r in said]) or 0.0,
        first_s=_median([r.used.first_s for r in alone]),
        seconds=_median([r.used.seconds for r in alone]),
        cpu_s=cpu_s,
        peak_bytes=max((r.peak_bytes for r in said if r.peak_bytes is not None), default=None),
        money=_money(said, engine_s, own_s, rates),
        energy_wh=wh,
        carbon_g=None if wh is None else wh / 1000 * rates.grid_g_per_kwh,
        measured=measured,
        prepared_wh=None if before_s is None else rates.watt_hours(before_s) / rates.amortised_over,
    )


def _money(said: Sequence[Row], engine_s: float | None, own_s: float | None, rates: Rates) -> float | None:
    """Of one answer. Where CPU time has no price, an arm of which an answer was not charged for has none either."""
    if rates.cpu_hour_price is None:
        return _mean([r.used.cost for r in said])
    uncounted = replace(rates, cpu_hour_price=None)  # CPU time is added below, as `cpu_s` counts it
    charged = _mean([bill(r, uncounted) for r in said])
    return None if charged is None or own_s is None else charged + rates.cpu_money((engine_s or 0.0) + own_s)


def _price(cost: Cost, preparation: Preparation, unit: str, rates: Rates) -> float | None:
    if unit == "tokens":
        return cost.prompt_tokens + cost.completion_tokens
    running, before = {
        "money": (cost.money, rates.cpu_money(preparation.cpu_s or 0.0)),
        "CPU-seconds": (cost.cpu_s, preparation.cpu_s),
        "seconds": (cost.seconds, preparation.seconds),
    }[unit]
    return None if running is None else running + (before or 0.0) / rates.amortised_over


def _mean(values: Sequence[float | None]) -> float | None:
    """None if there is none, or if any is unknown: a mean over some would pass for one over all."""
    known = [v for v in values if v is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else None
