"""The tables of a report in a language, ready for any edge: cells as text, with a key to sort by.

Columns stand in order of importance, so that an edge with little room drops the last ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from afina.domain.report import ArmResult, Comparison, Estimate, Report
from afina.evaluation.show.sentences import energy
from afina.evaluation.show.words import Words, words

FALSE_ANSWERS = "withheld"
"""Scored as rightly withheld, shown as what was answered falsely."""


@dataclass(frozen=True, slots=True)
class Cell:
    """key: what a column is sorted by; None sorts last. more: what stands below in small print where there is room."""

    text: str
    key: float | str | None = None
    more: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """columns: (short name, what it means)."""

    title: str
    note: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    meaning: str
    cell: Callable[[ArmResult], Cell]


def tables(report: Report, lang: str = "en") -> tuple[Table, ...]:
    """Quality, the task's other figures (if it has any), cost of one answer, cost of getting there."""
    w = words(lang)
    figures = (answers(report, w),) if figures_of(report) else ()
    return (quality(report, w), *figures, serving(report, w), getting_there(report, w))


def figures_of(report: Report) -> tuple[str, ...]:
    """The figures beside the primary one, in the order of the task."""
    there = dict.fromkeys(name for arm in report.arms for name in arm.metrics)
    return tuple(f for f in (report.figures or there) if f in there and f != report.primary)


def size(report: Report, w: Words) -> str:
    key = "size_unanswerable" if report.unanswerable else "size"
    counts = {"cases": report.cases, "groups": report.groups, "unanswerable": report.unanswerable}
    return w.say(key, **{name: w.whole(count) for name, count in counts.items()})


def quality(report: Report, w: Words) -> Table:
    base = {c.arm: c for c in report.against_base}
    best = {c.arm: c for c in report.against_best}
    name, meaning = w.metric(report.primary), w.meaning(report.primary)
    right = w.get(f"right.{report.task}", meaning)
    return _table(
        w["table.quality"], w.say("table.quality_note", size=size(report, w), right=right).strip(), report, w,
        Column(w.say("column.quality.short", metric=name), meaning, lambda a: share(a.quality.value, w)),
        _column("interval", w, lambda a: Cell(span(a.quality, w) or w["none"], a.quality.low)),
        _column("base", w, lambda a: _difference(base.get(a.name), w)),
        _column("p", w, lambda a: _p(base.get(a.name), w)),
        _column("best", w, lambda a: _difference(best.get(a.name), w)),
        _column("alone", w, lambda a: Cell(w.whole(len(a.alone)), len(a.alone))),
        _column("front", w, lambda a: Cell("✓", 1) if a.name in report.front else Cell("", 0)),
    )  # fmt: skip


def answers(report: Report, w: Words) -> Table:
    columns = [Column(w.metric(f), w.meaning(f), _figure(f, w)) for f in figures_of(report)]
    note = "; ".join(f"{c.name}: {c.meaning}" for c in columns if c.meaning != c.name) + "."
    return _table(w["table.figures"], note, report, w, *columns)


def serving(report: Report, w: Words) -> Table:
    money = any(a.cost.money is not None for a in report.arms)
    columns = [
        _column("seconds", w, lambda a: figure(a.cost.seconds, w)),
        _column("first", w, lambda a: figure(a.cost.first_s, w)),
        _column("prompt", w, lambda a: _number(a.cost.prompt_tokens, w, 0)),
        _column("completion", w, lambda a: _number(a.cost.completion_tokens, w, 1)),
        _column("cpu", w, lambda a: figure(a.cost.cpu_s, w)),
        _column("cpu_right", w, lambda a: figure(_per_right(a, a.cost.cpu_s), w)),
        *([_column("money", w, lambda a: figure(_per_right(a, a.cost.money), w))] if money else []),
        _column("energy", w, lambda a: figure(energy_per_right(a), w)),
        _column("carbon", w, lambda a: figure(carbon_per_right(a), w)),
        _column("memory", w, lambda a: _number(a.cost.peak_bytes and a.cost.peak_bytes / 2**20, w, 0)),
    ]
    note = w.say("table.serving_note", energy=" ".join(energy(report.arms, report.settings, w))).strip()
    return _table(w["table.serving"], note, report, w, *columns)


def getting_there(report: Report, w: Words) -> Table:
    unit = unit_of(report, w)
    spread = report.settings.get("amortised_over")
    answers = w.whole(spread) if isinstance(spread, int | float) else "?"
    there = {key: w.say(f"column.{key}.meaning", unit=unit) for key in ("all_in", "all_in_right")}
    return _table(
        w["table.preparing"], w.say("table.preparing_note", unit=unit, answers=answers), report, w,
        Column(w["column.all_in.short"], there["all_in"], lambda a: figure(a.cost.per_answer, w)),
        Column(w["column.all_in_right.short"], there["all_in_right"],
               lambda a: figure(_per_right(a, a.cost.per_answer), w)),
        _column("prepared_cpu", w, lambda a: _number(a.preparation.cpu_s, w, 0)),
        _column("prepared_seconds", w, lambda a: _number(a.preparation.seconds, w, 0)),
        _column("tries", w, lambda a: _number(a.preparation.tries or None, w, 0)),
        _column("labels", w, lambda a: _number(a.preparation.labels or None, w, 0)),
    )  # fmt: skip


def unit_of(report: Report, w: Words) -> str:
    return w.unit(next((a.cost.unit for a in report.arms if a.cost.unit), ""))


def energy_per_right(arm: ArmResult) -> float | None:
    """mWh of a right answer, its share of the preparation included."""
    if arm.cost.energy_wh is None:
        return None
    return _per_right(arm, 1000 * (arm.cost.energy_wh + (arm.cost.prepared_wh or 0.0)))


def carbon_per_right(arm: ArmResult) -> float | None:
    """mg of CO2-equivalent of a right answer; the preparation is counted at the same grid's intensity."""
    cost = arm.cost
    if cost.carbon_g is None or not cost.energy_wh:
        return None
    return _per_right(arm, 1000 * cost.carbon_g * (1 + (cost.prepared_wh or 0.0) / cost.energy_wh))


def share(value: float | None, w: Words, more: str = "") -> Cell:
    """A fraction as percent."""
    return Cell(w["none"]) if value is None else Cell(w.points(value), value, more)


def figure(value: float | None, w: Words) -> Cell:
    return Cell(w["none"]) if value is None else Cell(w.figure(value), value)


def span(estimate: Estimate, w: Words) -> str:
    """'3.8 to 5.1'; '' where there is no interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return w.say("range", low=w.points(estimate.low), high=w.points(estimate.high))


def _column(key: str, w: Words, cell: Callable[[ArmResult], Cell]) -> Column:
    return Column(w[f"column.{key}.short"], w[f"column.{key}.meaning"], cell)


def _table(title: str, note: str, report: Report, w: Words, *columns: Column) -> Table:
    rows: Sequence[tuple[Cell, ...]] = [(Cell(a.name, a.name), *(c.cell(a) for c in columns)) for a in report.arms]
    first = (w["column.arm.short"], w["column.arm.meaning"])
    return Table(title, note, (first, *((c.name, c.meaning) for c in columns)), tuple(rows))


def _figure(name: str, w: Words) -> Callable[[ArmResult], Cell]:
    def cell(arm: ArmResult) -> Cell:
        found = arm.metrics.get(name, Estimate(None))
        shown = turned(found) if name == FALSE_ANSWERS else found
        return share(shown.value, w, span(shown, w))

    return cell


def turned(estimate: Estimate) -> Estimate:
    """1 less it."""
    value, low, high = (None if v is None else 1 - v for v in (estimate.value, estimate.high, estimate.low))
    return Estimate(value, low, high, estimate.cases)


def _difference(comparison: Comparison | None, w: Words) -> Cell:
    if comparison is None:
        return Cell(w["none"])
    low, high = (w.points(v, sign=True) for v in (comparison.low, comparison.high))
    whole = w.points(comparison.difference, sign=True)
    return Cell(f"{whole} ({w.say('range', low=low, high=high)})", comparison.difference)


def _p(comparison: Comparison | None, w: Words) -> Cell:
    if comparison is None:
        return Cell(w["none"])
    small = comparison.p_holm < 0.001
    return Cell(f"<{w.fixed(0.001, 3)}" if small else w.fixed(comparison.p_holm, 3), comparison.p_holm)


def _per_right(arm: ArmResult, value: float | None) -> float | None:
    return arm.cost.per_correct(value, arm.quality.value)


def _number(value: float | None, w: Words, places: int) -> Cell:
    return Cell(w["none"]) if value is None else Cell(w.fixed(value, places), value)
