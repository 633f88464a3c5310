"""What an answer costs: tokens, time, CPU, memory, money, modelled energy, and the one figure that orders the arms."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from afina.domain.report import Cost, Preparation, Row

WATTS_PER_CORE = 10.0
"""Assumed for the energy model: what a busy core of a server or laptop draws, its share of memory and fans included."""
AMORTISED_OVER = 10_000
"""Answers over which the cost of getting there is spread."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What turns counts into costs; printed with the report."""

    watts_per_core: float = WATTS_PER_CORE
    amortised_over: int = AMORTISED_OVER


def costs(rows: Mapping[str, Sequence[Row]], preparations: Mapping[str, Preparation], rates: Rates) -> dict[str, Cost]:
    """The cost of each arm. `per_answer` is in money if every arm has a price, else in CPU-seconds, else in seconds,
    else in tokens: in the first of these that is known of every arm."""
    plain = {arm: _plain(mine, rates) for arm, mine in rows.items()}
    for unit in ("money", "CPU-seconds", "seconds", "tokens"):
        prices = {arm: _price(cost, preparations[arm], unit, rates) for arm, cost in plain.items()}
        if all(p is not None for p in prices.values()):
            return {arm: replace(cost, per_answer=prices[arm], unit=unit) for arm, cost in plain.items()}
    return plain


def _plain(rows: Sequence[Row], rates: Rates) -> Cost:
    said = [r for r in rows if r.turn == "quality" and not r.failed]
    alone = [r for r in rows if r.turn == "latency" and not r.failed]
    # The first block holds the latency cases, whose prompts an engine may still have in a cache.
    cpu_s = _mean([r.used.cpu_s for r in said if r.block > 0] or [r.used.cpu_s for r in said])
    return Cost(
        prompt_tokens=_mean([r.used.prompt_tokens for r in said]) or 0.0,
        completion_tokens=_mean([r.used.completion_tokens for r in said]) or 0.0,
        first_s=_median([r.used.first_s for r in alone]),
        seconds=_median([r.used.seconds for r in alone]),
        cpu_s=cpu_s,
        peak_bytes=max((r.peak_bytes for r in said if r.peak_bytes is not None), default=None),
        money=_mean([r.used.cost for r in said]),
        energy_wh=None if cpu_s is None else cpu_s * rates.watts_per_core / 3600,
    )


def _price(cost: Cost, preparation: Preparation, unit: str, rates: Rates) -> float | None:
    if unit == "money":
        return cost.money
    if unit == "tokens":
        return cost.prompt_tokens + cost.completion_tokens
    running, before = (cost.cpu_s, preparation.cpu_s) if unit == "CPU-seconds" else (cost.seconds, preparation.seconds)
    return None if running is None else running + (before or 0.0) / rates.amortised_over


def _mean(values: Sequence[float | None]) -> float | None:
    """None if there is none, or if any is unknown: a mean over some would pass for one over all."""
    known = [v for v in values if v is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else None
