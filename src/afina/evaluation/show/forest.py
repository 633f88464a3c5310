"""Figures with their intervals, one under the other (a forest plot); the template draws it as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from afina.domain.report import Report
from afina.evaluation.show.plot import LETTER, Tick
from afina.evaluation.show.words import Words

NARROW = 480.0
"""Below this width a name stands above its bar, not beside it."""


@dataclass(frozen=True, slots=True)
class Item:
    """One figure, a fraction. early: it was stopped before the end."""

    name: str
    value: float
    low: float
    high: float
    text: str
    chosen: bool = False
    early: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """y of the bar, (name_x, name_y) of its name; figure: the figure as text, at the right edge."""

    item: Item
    y: float
    x: float
    low_x: float
    high_x: float
    name_y: float


@dataclass(frozen=True, slots=True)
class Forest:
    """All in px of an SVG of width x height. zero: where 0 is, None outside the scale."""

    width: float
    height: float
    left: float
    right: float
    bottom: float
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    zero: float | None


def qualities(report: Report, w: Words) -> list[Item]:
    """The quality of each arm that has one, best first."""
    early = {s.arm for s in report.stopped}
    known = [a for a in report.arms if a.quality.value is not None]
    return [
        Item(a.name, value, value if a.quality.low is None else a.quality.low,
             value if a.quality.high is None else a.quality.high, w.points(value),
             chosen=a.name == report.recommendation.arm, early=a.name in early)
        for a in sorted(known, key=lambda a: -(a.quality.value or 0.0)) for value in (a.quality.value or 0.0,)
    ]  # fmt: skip


def added(report: Report, w: Words) -> list[Item]:
    """What each mechanism adds, and what two add together beyond their sum."""
    return [
        Item(" × ".join(e.factors), e.difference, e.low, e.high, w.points(e.difference, sign=True))
        for e in report.effects
    ]


def forest(items: Sequence[Item], *, width: float, w: Words) -> Forest | None:
    """None if there is nothing to draw."""
    if not items:
        return None
    beside = width >= NARROW
    step = 26.0 if beside else 38.0
    names = min(220.0, LETTER * max(len(i.name) for i in items) + 12) if beside else 14.0
    left, right = names, width - 52
    low, high, every = _scale(items)
    bottom = step * len(items) + 8

    def x_at(share: float) -> float:
        return left + (share - low) / (high - low) * (right - left)

    bars = tuple(
        Bar(i, y, x_at(i.value), x_at(i.low), x_at(i.high), name_y=y + 4 if beside else y - 13)
        for n, i in enumerate(items) for y in (step * n + (step / 2 if beside else step - 10) + 2,)
    )  # fmt: skip
    ticks = [low + n * every for n in range(round((high - low) / every) + 1)]
    return Forest(
        width, bottom + 24, left, right, bottom, bars=bars,
        ticks=tuple(Tick(x_at(t), w.plain(round(t * 100, 3))) for t in ticks),
        zero=x_at(0.0) if low < 0 < high else None,
    )  # fmt: skip


def _scale(items: Sequence[Item]) -> tuple[float, float, float]:
    """(low, high, step): round ends around all intervals, at most seven steps."""
    low, high = min(0.0, *(i.low for i in items)), max(0.0, *(i.high for i in items))
    reach = max(high - low, 0.01)
    every = next(s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if reach / s <= 6 or s == 1.0)
    first = math.floor(low / every + 1e-9)
    last = max(math.ceil(high / every - 1e-9), first + 1)
    return first * every, last * every, every
