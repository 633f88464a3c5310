"""c) A head on frozen embeddings against tuning, by number of labels; d) the cases of banking77 for demonstrations."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from _orderings.study import (
    Bench,
    Ordering,
    Outcome,
    adapter,
    classifier,
    form_of,
    held,
    learning_of,
    lines,
    mixed,
    outcome,
    pair,
    recipe,
    rows_of,
    studied,
    task_called,
    values,
)
from afina.domain.artefact import Stage
from afina.domain.example import Case, Example, share_of
from afina.domain.report import Report
from afina.evaluation.design import Design
from afina.evaluation.overlap import overlap

EXPECTS = """Few examples a class: a linear head on frozen embeddings beats tuning; with more, tuning catches up (arXiv
2209.11055). banking77, 12 of its 77 classes chosen by the hash of their name; both learn the same rows. "tuned" is
LoRA on the bundled model, which writes the label; one seed. Catching up: the lead of the head at the fewest labels less
its lead at the most, over the same cases."""

CLASSES, FEWEST = 12, 60
PASSES = {5: 12, 10: 8, 50: 3}
"""Examples a class -> passes over them; not searched for, the fewer rows the more."""


def chosen_classes(rows: Sequence[dict[str, Any]]) -> list[str]:
    """By hash of the name, of those with at least FEWEST rows to learn from."""
    counts = Counter(row["label"] for row in rows)
    known = [label for label, count in counts.items() if count >= FEWEST]
    return sorted(sorted(known, key=lambda label: share_of(label, salt="known-orderings"))[:CLASSES])


def banking(bench: Bench) -> tuple[list[Case], dict[str, list[Example]], list[str]]:
    """Test cases of the chosen classes, rows to learn from by class (none that overlaps with a case), the labels."""
    folder = bench.data / "banking77"
    rows = lines(folder / "train.jsonl")
    labels = chosen_classes(rows)
    asked = [row for row in mixed(lines(folder / "test.jsonl"), "cases") if row["label"] in labels]
    cases = [Case(row["id"], row["text"], (row["label"],), lang="en") for row in asked[: bench.cases]]
    examples = [pair(r["id"], r["text"], r["label"]) for r in mixed(rows, "rows") if r["label"] in labels]
    _, touched = overlap(examples, cases)
    by_label: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if example.id not in touched:
            by_label[example.answer].append(example)
    return cases, by_label, labels


def section(bench: Bench) -> list[Outcome]:
    cases, by_label, labels = banking(bench)
    task = task_called("classify")
    form = form_of(task, labels=labels)
    names: list[str] = []
    for count, passes in PASSES.items():
        rows = [row for label in labels for row in by_label[label][:count]]
        tuned = adapter(bench, f"labels-{count}", rows_of(rows, form), {"epochs": passes})
        print(learning_of(bench, tuned))
        control = (Stage("head", {"head": classifier(bench, f"head-{count}", rows)}),)
        names.append(recipe(bench, f"head-{count}", task, form, control=control))
        names.append(recipe(bench, f"tuned-{count}", task, form, adapter=tuned))
    design = Design(task="classify", knowledge=None, arms=(), recipes=tuple(names), early=False)
    report = studied(bench, "head against tuning by number of labels", cases, design)
    few, some, many = PASSES
    return [
        *held(report, [Ordering(f"head-{few}", f"tuned-{few}"), Ordering(f"head-{some}", f"tuned-{some}")]),
        _caught_up(report, few, many),
        *held(report, [Ordering(f"tuned-{many}", f"tuned-{few}")]),
        *held(report, [Ordering(f"tuned-{many}", f"head-{many}", expected=False)]),
    ]


def _caught_up(report: Report, few: int, many: int) -> Outcome:
    """How much of its lead the head loses from few labels to many."""
    what = f"tuning catches up: lead of the head at {few} less its lead at {many}"
    lost = [s for s in report.skipped if s.arm.endswith((f"-{few}", f"-{many}"))]
    if lost:
        return Outcome(what, why="; ".join(f"{s.arm} was left out: {s.why} {s.detail}" for s in lost))
    lead = [values(report, f"head-{count}") - values(report, f"tuned-{count}") for count in (few, many)]
    return outcome(what, lead[0] - lead[1], [r.group for r in report.results], most=2.0)
