"""Where arms stand in a plot of quality against something that costs; the template draws it as SVG."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from afina.domain.report import ArmResult, Report
from afina.evaluation.show.words import Words

LINE = 15.0
"""Height of a label; labels are kept this far apart."""
LETTER = 7.2
"""Width of a letter of a label, px."""
STEPS, FINER = (1.0, 2.0, 5.0), (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
TICK_ROOM = 38.0
"""px from tick to tick at least."""

Label = tuple[float, float, float]
"""Left and right edge, and height of the middle."""
Box = tuple[float, float, float, float]
"""Left, right, top, bottom."""


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
        replace(_mark(a, x_at(x), y_at), chosen=a.name == report.recommendation.arm,
                early=a.name in early)
        for a, x in arms
    ]  # fmt: skip
    return Plot(
        width, height, left, right, top, bottom,
        marks=_apart(marks, (left, right, top, bottom)), front=_front(marks),
        x_ticks=tuple(Tick(x_at(v), w.plain(v)) for v in _log_ticks(10**low_x, 10**high_x, right - left)),
        y_ticks=tuple(Tick(y_at(v), w.plain(v * 100)) for v in _ticks(top_share)),
        x_title=x_title,
    )  # fmt: skip


def _mark(arm: ArmResult, x: float, y_at: Callable[[float], float]) -> Mark:
    value = arm.quality.value or 0.0
    low, high = (value if edge is None else edge for edge in (arm.quality.low, arm.quality.high))
    y = y_at(value)
    return Mark(arm.name, False, False, x, y, y_at(low), y_at(high), label_x=x + 9, label_y=y, anchor="start")


def _front(marks: Sequence[Mark]) -> tuple[tuple[float, float], ...]:
    """Steps through the arms that none beats in both figures; arms that were stopped do not count."""
    corners: list[tuple[float, float]] = []
    for mark in sorted((m for m in marks if not m.early), key=lambda m: (m.x, m.y)):
        if not corners or mark.y < corners[-1][1]:
            corners += [(mark.x, corners[-1][1])] if corners else []
            corners.append((mark.x, mark.y))
    return tuple(corners)


def _apart(marks: Sequence[Mark], plot: Box) -> tuple[Mark, ...]:
    """Each label at the nearest place beside its point, left or right, where it covers no other label and no point."""
    taken = [(m.x - 5, m.x + 5, m.y) for m in marks]
    placed: list[Mark] = []
    for mark in sorted(marks, key=lambda m: m.y):
        best = next((p for p in _places(mark, plot) if not any(_meet(_box(p), other) for other in taken)), mark)
        taken.append(_box(best))
        placed.append(best)
    return tuple(placed)


def _places(mark: Mark, plot: Box) -> Iterator[Mark]:
    """Where its label may stand, best first: ever further up or down, on the side with more room before the other."""
    left, right, top, bottom = plot
    sides = ("end", "start") if mark.x > (left + right) / 2 else ("start", "end")
    for step in range(1, 2 * int((bottom - top) / LINE) + 2):
        y = mark.y + (step // 2) * LINE * (1 if step % 2 else -1)
        for side in sides:
            tried = replace(mark, label_x=mark.x + (9 if side == "start" else -9), label_y=y, anchor=side)
            first, last, _ = _box(tried)
            if top <= y <= bottom - 4 and first >= left and last <= right + 8:
                yield tried


def _box(mark: Mark) -> Label:
    width = LETTER * len(mark.name)
    first = mark.label_x if mark.anchor == "start" else mark.label_x - width
    return first, first + width, mark.label_y


def _meet(one: Label, other: Label) -> bool:
    return one[0] < other[1] and other[0] < one[1] and abs(one[2] - other[2]) < LINE


def _round_up(share: float) -> float:
    return min(1.0, math.ceil(share * 10) / 10)


def _ticks(top: float) -> list[float]:
    step = 0.1 if top <= 0.5 else 0.2
    return [round(i * step, 3) for i in range(int(top / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float, width: float) -> list[float]:
    """As many of 1, 1.2, 1.5, 2, ... times powers of ten as have room between the ends."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))

    def at(steps: Sequence[float], every: int = 1) -> list[float]:
        return [s * 10.0**e for e in range(first, last + 1, every) for s in steps if low <= s * 10.0**e <= high]

    def fits(ticks: Sequence[float]) -> bool:
        gaps = (math.log10(b / a) / math.log10(high / low) * width for a, b in pairwise(ticks))
        return len(ticks) > 1 and min(gaps) >= TICK_ROOM

    tried = (at(FINER), at(STEPS), *(at((1.0,), every) for every in range(1, last - first + 1)))
    return next((ticks for ticks in tried if fits(ticks)), at(STEPS)[:1])
