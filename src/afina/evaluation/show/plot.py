"""Where things stand in the quality-against-cost plot; the template draws them as SVG."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from afina.domain.report import ArmResult, Report

LINE = 15.0
"""Height of a label; labels are kept this far apart."""
STEPS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Mark:
    """An arm: its point, its interval's ends, its label (label_y is where it had to move to)."""

    name: str
    chosen: bool
    x: float
    y: float
    low_y: float
    high_y: float
    label_x: float
    label_y: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """All in px of an SVG of width x height; the axes meet at (left, bottom)."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    marks: tuple[Mark, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_title: str


def plot(report: Report, *, width: float, height: float) -> Plot | None:
    """None if no arm has both a quality and a cost."""
    arms = [a for a in report.arms if a.quality.value is not None and a.cost.per_answer]
    if not arms:
        return None
    left, right, top, bottom = 38.0, width - 10, 28.0, height - 40
    prices = [a.cost.per_answer or 0.0 for a in arms]
    low_x, high_x = math.log10(min(prices) / 1.5), math.log10(max(prices) * 1.5)
    top_share = max(_round_up(max((a.quality.high or 0.0) for a in arms)), 0.1)

    def x_at(price: float) -> float:
        return left + (math.log10(price) - low_x) / (high_x - low_x) * (right - left)

    def y_at(share: float) -> float:
        return bottom - share / top_share * (bottom - top)

    marks = [_mark(a, x_at(a.cost.per_answer or 0.0), y_at, chosen=_chosen(a, report), middle=(left + right) / 2)
             for a in arms]  # fmt: skip
    return Plot(
        width, height, left, right, top, bottom,
        marks=tuple(_apart(marks, top, bottom)),
        x_ticks=tuple(Tick(x_at(v), f"{v:g}") for v in _log_ticks(10**low_x, 10**high_x)),
        y_ticks=tuple(Tick(y_at(v), f"{v * 100:g}") for v in _ticks(top_share)),
        x_title=f"{report.arms[0].cost.unit} of one answer, preparation included",
    )  # fmt: skip


def _chosen(arm: ArmResult, report: Report) -> bool:
    return arm.name == report.recommendation.arm


def _mark(arm: ArmResult, x: float, y_at: Callable[[float], float], *, chosen: bool, middle: float) -> Mark:
    value, low, high = (v if v is not None else 0.0 for v in (arm.quality.value, arm.quality.low, arm.quality.high))
    on_left = x > middle
    return Mark(
        arm.name, chosen, x, y_at(value), y_at(low), y_at(high),
        label_x=x - 9 if on_left else x + 9, label_y=y_at(value), anchor="end" if on_left else "start",
    )  # fmt: skip


def _apart(marks: Sequence[Mark], top: float, bottom: float) -> list[Mark]:
    """Labels of one side pushed down until none covers another, then up again if they left the plot."""
    placed: list[Mark] = []
    for side in ("start", "end"):
        mine = sorted((m for m in marks if m.anchor == side), key=lambda m: m.label_y)
        heights = _spread([m.label_y for m in mine], top, bottom)
        placed += [replace(m, label_y=y) for m, y in zip(mine, heights, strict=True)]
    return placed


def _spread(heights: Sequence[float], top: float, bottom: float) -> list[float]:
    spread: list[float] = []
    for y in heights:
        spread.append(max(y, spread[-1] + LINE) if spread else max(y, top))
    for i in range(len(spread) - 1, -1, -1):
        limit = bottom - 4 if i == len(spread) - 1 else spread[i + 1] - LINE
        spread[i] = min(spread[i], limit)
    return spread


def _round_up(share: float) -> float:
    return min(1.0, math.ceil(share * 10) / 10)


def _ticks(top: float) -> list[float]:
    step = 0.1 if top <= 0.5 else 0.2
    return [round(i * step, 3) for i in range(int(top / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, ... between the ends; thinned to powers of ten where there would be more than six."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks = [s * 10**e for e in range(first, last + 1) for s in STEPS[:3] if low <= s * 10**e <= high]
    return ticks if len(ticks) <= 6 else [t for t in ticks if math.log10(t) == round(math.log10(t))]
