"""d) Demonstrations retrieved for each question against the same few for all."""

import re
from dataclasses import replace
from typing import Any

from _orderings.labels import banking
from _orderings.study import Bench, Ordering, Outcome, held, lines, mixed, pair, studied
from afina.domain.example import Case, Example
from afina.evaluation.design import Design

EXPECTS = """Demonstrations near to the question beat fixed ones. Stock model, nothing tuned; how many are shown is
chosen for each on validation cases of the same set. banking77 (12 classes, up to 50 examples a class) as
classification; text2regex (800 examples) and text2sql_geography (549) as writing, where right is the very expression or
query, sign for sign; ROUGE-L says how near to it an answer is."""

A_CLASS, MOST = 50, 800
ORDERING = Ordering("nearest", "examples")
LIKER = Ordering("nearest", "examples", "rouge_l")


def labelled(bench: Bench) -> list[Outcome]:
    cases, by_label, labels = banking(bench)
    rows = [row for label in labels for row in by_label[label][:A_CLASS]]
    return _held(bench, "banking77", cases, rows, task="classify")


def expressions(bench: Bench) -> list[Outcome]:
    return _written(bench, "text2regex", "Regular expression for")


def queries(bench: Bench) -> list[Outcome]:
    return _written(bench, "text2sql_geography", "SQL query for")


def _written(bench: Bench, name: str, asked_for: str) -> list[Outcome]:
    def asked(row: dict[str, Any]) -> str:
        return f"{asked_for}: {row['input'].strip()}"

    learnt, test = (lines(bench.data / name / f"{part}.jsonl") for part in ("train", "test"))
    rows = [pair(row["id"], asked(row), row["target"]) for row in mixed(learnt, "rows")[:MOST]]
    cases = [
        Case(row["id"], asked(row), (row["target"],), lang="en", checks={"pattern": _whole(row["target"])})
        for row in mixed(test, "cases")[: bench.cases]
    ]
    return _held(bench, name, cases, rows, task="write")


def _whole(target: str) -> str:
    return rf"\A\s*{re.escape(target)}\s*\Z"


def _held(bench: Bench, name: str, cases: list[Case], rows: list[Example], *, task: str) -> list[Outcome]:
    bench.ws.demonstrations.put(bench.ws.scope, name, rows)
    design = Design(task=task, knowledge=None, examples=name, arms=("examples", "nearest"), early=False)
    report = studied(bench, f"demonstrations: {name}", cases, design)
    for arm in report.arms:
        if arm.preparation.note:
            print(f"{arm.name}: {arm.preparation.note}")
    orderings = [ORDERING, LIKER] if task == "write" else [ORDERING]
    return [replace(found, what=f"{name}, {found.what}") for found in held(report, orderings)]
