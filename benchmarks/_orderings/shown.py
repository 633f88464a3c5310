"""d) Demonstrations retrieved for each question against the same few for all."""

import re

from _orderings.labels import banking
from _orderings.study import Bench, Ordering, Outcome, held, lines, mixed, pair, studied
from afina.domain.example import Case, Example
from afina.evaluation.design import Design

EXPECTS = """Demonstrations near to the question beat fixed ones. Stock model, nothing tuned; how many are shown is
chosen for each on validation cases of the same set. banking77 (12 classes, up to 50 examples a class) as
classification; text2regex (800 examples) as writing, where right is the very expression, sign for sign."""

A_CLASS, REGEXES = 50, 800
ORDERINGS = [Ordering("nearest", "examples")]


def labelled(bench: Bench) -> list[Outcome]:
    cases, by_label, labels = banking(bench)
    rows = [row for label in labels for row in by_label[label][:A_CLASS]]
    return _held(bench, "banking77", cases, rows, task="classify")


def written(bench: Bench) -> list[Outcome]:
    folder = bench.data / "text2regex"
    rows = [
        pair(r["id"], _asked(r["input"]), r["target"]) for r in mixed(lines(folder / "train.jsonl"), "rows")[:REGEXES]
    ]
    cases = [
        Case(r["id"], _asked(r["input"]), (r["target"],), lang="en", checks={"pattern": _whole(r["target"])})
        for r in mixed(lines(folder / "test.jsonl"), "cases")[: bench.cases]
    ]
    return _held(bench, "text2regex", cases, rows, task="write")


def _asked(description: str) -> str:
    return f"Regular expression for: {description.strip()}"


def _whole(target: str) -> str:
    return rf"\A\s*{re.escape(target)}\s*\Z"


def _held(bench: Bench, name: str, cases: list[Case], rows: list[Example], *, task: str) -> list[Outcome]:
    bench.ws.demonstrations.put(bench.ws.scope, name, rows)
    design = Design(task=task, knowledge=None, examples=name, arms=("examples", "nearest"), early=False)
    report = studied(bench, f"demonstrations: {name}", cases, design)
    for arm in report.arms:
        if arm.preparation.note:
            print(f"{arm.name}: {arm.preparation.note}")
    return [Outcome(f"{name}, {o.what}", o.difference, o.low, o.high, o.why) for o in held(report, ORDERINGS)]
