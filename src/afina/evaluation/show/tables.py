"""The tables of a report, ready for any edge: cells as text, with a key to sort by."""

from collections.abc import Callable
from dataclasses import dataclass

from afina.domain.report import ArmResult, Comparison, Estimate, Report

NONE = "–"
"""Not known, or no verdict; never a zero."""


@dataclass(frozen=True, slots=True)
class Cell:
    """key: what a column is sorted by; None sorts last."""

    text: str
    key: float | str | None = None


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


def tables(report: Report) -> tuple[Table, ...]:
    return (quality(report), answers(report), serving(report), getting_there(report))


def quality(report: Report) -> Table:
    base = {c.arm: c for c in report.against_base}
    note = f"{report.cases} cases, {report.unanswerable} of them without an answer; {report.groups} groups. "
    return _table(
        "Quality",
        note + "Right: holds a known answer, or rightly says that there is none.",
        report,
        Column("right %", "share of cases that are right", lambda a: _share(a.quality)),
        Column("95 % interval", "of that share, resampled by group", lambda a: _interval(a.quality)),
        Column("less base, points", "paired difference and its 95 % interval", lambda a: _difference(base.get(a.name))),
        Column("p", "two-sided, corrected over the arms (Holm)", lambda a: _p(base.get(a.name))),
    )


def answers(report: Report) -> Table:
    return _table(
        "What the answers are like (% of the cases that each figure is about)",
        "exact, F1, gold: of the known answer. ans.: answers given at all. false: answers given where there is none. "
        "citeP, citeR: citations against the gold span. found: gold span stood in the prompt.",
        report,
        Column("exact", "exact match after normalisation", lambda a: _metric(a, "exact_match")),
        Column("F1", "token F1 after normalisation", lambda a: _metric(a, "token_f1")),
        Column("gold", "the answer contains a known answer", lambda a: _metric(a, "contains_gold")),
        Column("ans.", "answer rate", lambda a: _metric(a, "answered")),
        Column("false", "false-answer rate: unanswerable cases that were answered", _false_answers),
        Column("citeP", "citation precision against the gold span", lambda a: _metric(a, "citation_precision")),
        Column("citeR", "citation recall of the gold span", lambda a: _metric(a, "citation_recall")),
        Column("found", "the gold span stood in the prompt", lambda a: _metric(a, "gold_in_prompt")),
    )


def serving(report: Report) -> Table:
    watts = report.settings.get("watts_per_core")
    money = any(a.cost.money is not None for a in report.arms)
    columns = [
        Column("in", "prompt tokens", lambda a: _number(a.cost.prompt_tokens, "{:.0f}")),
        Column("out", "completion tokens", lambda a: _number(a.cost.completion_tokens, "{:.1f}")),
        Column("first", "seconds to the first token, one user alone", lambda a: _number(a.cost.first_s, "{:.2f}")),
        Column("sec", "seconds to the end, one user alone", lambda a: _number(a.cost.seconds, "{:.2f}")),
        Column("CPU-s", "CPU-seconds of the engine, fully batched", lambda a: _number(a.cost.cpu_s, "{:.2f}")),
        Column("/right", "CPU-seconds of a right answer", lambda a: _per_right(a, a.cost.cpu_s, "{:.2f}")),
        Column("mWh", f"modelled: CPU-seconds at {watts} W; of a right answer", _energy_per_right),
        Column("MiB", "peak memory of all processes (upper bound)", _memory),
    ]
    if money:
        columns.append(Column("money", "of a right answer", lambda a: _per_right(a, a.cost.money, "{:.5f}")))
    note = (
        "first, sec: medians, one user alone. CPU-s: fully batched. /right: per right answer. "
        f"mWh: energy of a right answer, modelled at {watts} W a busy core, not measured."
    )
    return _table("Cost of one answer", note, report, *columns)


def getting_there(report: Report) -> Table:
    unit = next((a.cost.unit for a in report.arms if a.cost.unit), "")
    spread = report.settings.get("amortised_over")
    return _table(
        "Cost of getting there",
        f"all in: {unit} of one answer with the preparation spread over {spread:,} answers; arms are ordered by it.",
        report,
        Column("CPU-s", "CPU-seconds before the first answer", lambda a: _number(a.preparation.cpu_s, "{:.0f}")),
        Column("tries", "variants that were tried", lambda a: _number(a.preparation.tries or None, "{:.0f}")),
        Column("labels", "labelled rows used", lambda a: _number(a.preparation.labels or None, "{:.0f}")),
        Column("all in", f"{unit} of one answer, preparation included", lambda a: _number(a.cost.per_answer, "{:.3g}")),
    )


def _table(title: str, note: str, report: Report, *columns: Column) -> Table:
    rows = tuple((Cell(a.name, a.name), *(c.cell(a) for c in columns)) for a in report.arms)
    return Table(title, note, (("arm", "way of answering"), *((c.name, c.meaning) for c in columns)), rows)


def _share(estimate: Estimate | None) -> Cell:
    return Cell(NONE) if estimate is None else _number(estimate.value, "{:.1f}", scale=100)


def _interval(estimate: Estimate) -> Cell:
    if estimate.low is None or estimate.high is None:
        return Cell(NONE)
    return Cell(f"{estimate.low * 100:.1f} to {estimate.high * 100:.1f}", estimate.low)


def _difference(comparison: Comparison | None) -> Cell:
    if comparison is None:
        return Cell(NONE)
    low, high = comparison.low * 100, comparison.high * 100
    return Cell(f"{comparison.difference * 100:+.1f} ({low:+.1f} to {high:+.1f})", comparison.difference)


def _p(comparison: Comparison | None) -> Cell:
    if comparison is None:
        return Cell(NONE)
    text = "<0.001" if comparison.p_holm < 0.001 else f"{comparison.p_holm:.3f}"
    return Cell(text, comparison.p_holm)


def _metric(arm: ArmResult, name: str) -> Cell:
    return _share(arm.metrics.get(name))


def _false_answers(arm: ArmResult) -> Cell:
    withheld = arm.metrics.get("withheld")
    value = None if withheld is None or withheld.value is None else 1 - withheld.value
    return _number(value, "{:.1f}", scale=100)


def _per_right(arm: ArmResult, value: float | None, form: str) -> Cell:
    return _number(arm.cost.per_correct(value, arm.quality.value), form)


def _energy_per_right(arm: ArmResult) -> Cell:
    milli = None if arm.cost.energy_wh is None else arm.cost.energy_wh * 1000
    return _per_right(arm, milli, "{:.2f}")


def _memory(arm: ArmResult) -> Cell:
    return _number(arm.cost.peak_bytes, "{:.0f}", scale=1 / 2**20)


def _number(value: float | None, form: str, *, scale: float = 1.0) -> Cell:
    return Cell(NONE) if value is None else Cell(form.format(value * scale), value)
