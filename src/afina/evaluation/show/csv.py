"""A report as two CSV tables: one line an answer, one line an arm. Figures as in the JSON: fractions, plain numbers.

Text that a spreadsheet would take for a formula gets a ' before it; the JSON has it as it was.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from afina.domain.report import ArmResult, Cost, Estimate, Preparation, Report
from afina.domain.row import Row

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def rows(report: Report) -> str:
    """A line for each arm (seeds apart), case and pass: verdicts, what it used, what it said."""
    scorers = dict.fromkeys(name for result in report.results for row in result.rows.values() for name in row.scores)
    arm_of = {member: arm.name for arm in report.arms for member in (arm.members or (arm.name,))}
    lines = [
        {"case": result.case, "group": result.group, "lang": result.lang, "arm": arm_of.get(name, name), "row": name,
         **_row(row, list(scorers)), "question": result.question, "expected": " / ".join(result.expected),
         "answer": row.answer}
        for result in report.results for name, row in result.rows.items()
    ]  # fmt: skip
    return _written(lines)


def arms(report: Report) -> str:
    """A line for each arm: quality, every figure with its interval, difference to base and to the best, costs."""
    return _written([_arm(arm, report) for arm in report.arms])


def _row(row: Row, scorers: Sequence[str]) -> dict[str, Any]:
    return {
        "pass": row.turn, "block": row.block, "failed": row.failed,
        **{f"score.{name}": row.scores.get(name) for name in scorers},
        "prompt_tokens": row.used.prompt_tokens, "completion_tokens": row.used.completion_tokens,
        "cached_tokens": row.used.cached_tokens, "seconds": row.used.seconds, "first_s": row.used.first_s,
        "cpu_s": row.used.cpu_s, "own_cpu_s": row.own_cpu_s, "wall_s": row.wall_s, "energy_j": row.energy_j,
        "money": row.used.cost, "peak_bytes": row.peak_bytes, "passages": len(row.sources),
        "cited": sum(s.cited for s in row.sources),
    }  # fmt: skip


def _arm(arm: ArmResult, report: Report) -> dict[str, Any]:
    early = {s.arm: s.why for s in report.stopped}
    line: dict[str, Any] = {"arm": arm.name, "what": arm.what, **_estimate("quality", arm.quality)}
    for name, found in (("less_base", report.against_base), ("less_best", report.against_best)):
        one = next((c for c in found if c.arm == arm.name), None)
        line |= {f"{name}.{part}": getattr(one, part, None) for part in ("difference", "low", "high", "p_holm")}
    for name in dict.fromkeys(metric for a in report.arms for metric in a.metrics):
        line |= _estimate(f"metric.{name}", arm.metrics.get(name, Estimate(None)))
    line |= {f"cost.{f.name}": getattr(arm.cost, f.name) for f in fields(Cost)}
    line |= {f"preparation.{f.name}": getattr(arm.preparation, f.name) for f in fields(Preparation)}
    spread: Mapping[str, Any] = {part: getattr(arm.spread, part, None) for part in ("seeds", "lowest", "highest", "sd")}
    line |= {f"spread.{part}": value for part, value in spread.items()}
    return line | {
        "alone": len(arm.alone), "failures": sum(arm.failures.values()), "stopped": early.get(arm.name, ""),
        "front": arm.name in report.front, "recommended": arm.name == report.recommendation.arm,
    }  # fmt: skip


def _estimate(name: str, found: Estimate) -> dict[str, Any]:
    return {name: found.value, f"{name}.low": found.low, f"{name}.high": found.high, f"{name}.cases": found.cases}


def _written(lines: Sequence[Mapping[str, Any]]) -> str:
    """None is an empty cell, never a zero."""
    if not lines:
        return ""
    out = io.StringIO()
    table = csv.DictWriter(out, fieldnames=list(lines[0]), lineterminator="\n")
    table.writeheader()
    table.writerows({_cell(key): _cell(value) for key, value in line.items()} for line in lines)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
