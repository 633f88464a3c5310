"""Where arms stand in a plot of quality against something that costs; the template draws it as SVG."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from afina.domain.report import ArmResult, Report
from afina.evaluation.show.words import Words

LINE = 15.0
"""Height of a label; labels are kept this far apart."""
STEPS = (1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Mark:
    """An arm: its point, its interval's ends, its label (label_y is where it had to move to). early: was stopped."""

    name: str
    chosen: bool
    early: bool
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
    """All in px of an SVG of width x height; the axes meet at (left, bottom). front: corners of the Pareto front."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    marks: tuple[Mark, ...]
    front: tuple[tuple[float, float], ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_title: str


Costing = Callable[[ArmResult], float | None]


def plot(report: Report, costing: Costing, *, width: float, height: float, x_title: str, w: Words) -> Plot | None:
    """Quality against `costing`, on a logarithmic scale. None if fewer than two arms have both."""
    arms = [(a, x) for a in report.arms if a.quality.value is not None and (x := costing(a))]
    if len(arms) < 2:
        return None
    left, right, top, bottom = 38.0, width - 10, 28.0, height - 40
    low_x, high_x = (math.log10(x) for x in (min(x for _, x in arms) / 1.5, max(x for _, x in arms) * 1.5))
    top_share = max(_round_up(max((a.quality.high or a.quality.value or 0.0) for a, _ in arms)), 0.1)
    early = {s.arm for s in report.stopped}

    def x_at(price: float) -> float:
        return left + (math.log10(price) - low_x) / (high_x - low_x) * (right - left)

    def y_at(share: float) -> float:
        return bottom - share / top_share * (bottom - top)

    marks = [
        replace(_mark(a, x_at(x), y_at, middle=(left + right) / 2), chosen=a.name == report.recommendation.arm,
                early=a.name in early)
        for a, x in arms
    ]  # fmt: skip
    return Plot(
        width, height, left, right, top, bottom,
        marks=tuple(_apart(marks, top, bottom)), front=_front(marks),
        x_ticks=tuple(Tick(x_at(v), w.plain(v)) for v in _log_ticks(10**low_x, 10**high_x, width)),
        y_ticks=tuple(Tick(y_at(v), w.plain(v * 100)) for v in _ticks(top_share)),
        x_title=x_title,
    )  # fmt: skip


def _mark(arm: ArmResult, x: float, y_at: Callable[[float], float], *, middle: float) -> Mark:
    value = arm.quality.value or 0.0
    low, high = (value if edge is None else edge for edge in (arm.quality.low, arm.quality.high))
    on_left = x > middle
    return Mark(
        arm.name, False, False, x, y_at(value), y_at(low), y_at(high),
        label_x=x - 9 if on_left else x + 9, label_y=y_at(value), anchor="end" if on_left else "start",
    )  # fmt: skip


def _front(marks: Sequence[Mark]) -> tuple[tuple[float, float], ...]:
    """Steps through the arms that none beats in both figures; arms that were stopped do not count."""
    corners: list[tuple[float, float]] = []
    for mark in sorted((m for m in marks if not m.early), key=lambda m: (m.x, m.y)):
        if not corners or mark.y < corners[-1][1]:
            corners += [(mark.x, corners[-1][1])] if corners else []
            corners.append((mark.x, mark.y))
    return tuple(corners)


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


def _log_ticks(low: float, high: float, width: float) -> list[float]:
    """1, 2, 5, 10, ... between the ends; thinned to powers of ten where they would not fit."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks = [s * 10**e for e in range(first, last + 1) for s in STEPS if low <= s * 10**e <= high]
    tens = [t for t in ticks if abs(math.log10(t) - round(math.log10(t))) < 1e-9]
    return ticks if len(ticks) <= width / 55 or not tens else tens
