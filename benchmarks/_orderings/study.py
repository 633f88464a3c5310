"""What every section shares: a workspace with real models, adapters made once, studies held against orderings."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from afina.actions.compare import compare
from afina.actions.head import head
from afina.actions.tune import tune
from afina.actions.verify import answering, verify
from afina.domain.artefact import Recipe, Stage
from afina.domain.document import digest
from afina.domain.example import Case, Example, share_of
from afina.domain.message import Message
from afina.domain.progress import Tell
from afina.domain.report import Estimate, Report
from afina.evaluation.design import Design, task_of
from afina.evaluation.statistics.differences import Floats
from afina.evaluation.statistics.resampling import group_numbers, interval
from afina.evaluation.task import Task
from afina.store import artefacts, recipes
from afina.tuning.data import as_row
from afina.workspace import Workspace

RECOVERED, REVERSED, OPEN = "recovered", "not recovered", "cannot tell"


@dataclass(frozen=True, slots=True)
class Bench:
    """What a section works with. cases: the most of a study. minutes: the longest tuning."""

    ws: Workspace
    data: Path
    cases: int
    minutes: float
    tell: Tell


@dataclass(frozen=True, slots=True)
class Ordering:
    """That the arm `better` scores higher than `worse`. scorer: '' is the one that the study ranks by.

    expected: by the protocol; else it is shown beside the others, without a verdict.
    """

    better: str
    worse: str
    scorer: str = ""
    expected: bool = True

    def __str__(self) -> str:
        return f"{self.better} over {self.worse}" + (f", {self.scorer}" if self.scorer else "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A difference in points, `better` less `worse`, with its 95 % interval; None: it could not be measured."""

    what: str
    difference: float | None = None
    low: float = 0.0
    high: float = 0.0
    why: str = ""
    expected: bool = True

    @property
    def verdict(self) -> str:
        """By rule: the interval lies above 0, holds it, or lies below."""
        if not self.expected:
            return "nothing is expected"
        if self.difference is None or self.low <= 0 <= self.high:
            return OPEN
        return RECOVERED if self.low > 0 else REVERSED

    def __str__(self) -> str:
        if self.difference is None:
            return f"{self.what}: {self.verdict} ({self.why})"
        return f"{self.what}: {self.difference:+.1f} points, 95 % {self.low:+.1f} to {self.high:+.1f}: {self.verdict}"


Section = Callable[[Bench], list[Outcome]]


# --- material -------------------------------------------------------------------------------------


def lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def mixed(rows: Sequence[dict[str, Any]], salt: str) -> list[dict[str, Any]]:
    """In the order of the hash of their ids: the same on every machine."""
    return sorted(rows, key=lambda row: share_of(str(row["id"]), salt=salt))


def form_of(task: Task, *, labels: Sequence[str] = ()) -> str:
    """The instruction that every arm of a study gets; tuning rows carry it too."""
    return task.instruction("en", labels=labels)


def pair(name: str, question: str, answer: str, *, group: str = "") -> Example:
    return Example(name, (Message("user", question), Message("assistant", answer)), group or name)


def told(example: Example, form: str) -> Example:
    """With the instruction above it, as it is asked when it serves."""
    return Example(example.id, (Message("system", form), *example.messages), example.group)


# --- what is learnt -------------------------------------------------------------------------------


def adapter(bench: Bench, purpose: str, rows: Sequence[str], options: Mapping[str, Any]) -> str:
    """Name of a certified adapter tuned on rows of JSONL; the same rows and options are not learnt again."""
    ws = bench.ws
    key = digest(*rows, json.dumps(dict(options), sort_keys=True), str(bench.minutes))
    name = f"{purpose}-{key[:8]}"
    if name in artefacts.names(ws.store, ws.scope, "adapter"):
        if answering(ws, name) is None:
            made = artefacts.find(ws.store, ws.scope, "adapter", name)
            ws.portal.run(verify(ws, made.digest, tell=bench.tell))
        return name
    file = ws.root / "rows" / f"{name}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    tune(
        ws, file, name=name, held_out=0.0, options=options, max_minutes=bench.minutes, resume=True, tell=bench.tell
    )  # fmt: skip
    return name


def rows_of(examples: Sequence[Example], form: str) -> list[str]:
    return [as_row(told(example, form)) for example in examples]


def learning_of(bench: Bench, name: str) -> str:
    """How an adapter was made, for a reader."""
    made = artefacts.find(bench.ws.store, bench.ws.scope, "adapter", name)
    options, metrics = made.meta["method"]["options"], made.meta["metrics"]
    return (
        f"{name}: {made.meta['data']['rows']} rows, {options['epochs']} passes asked for, {metrics['steps']:g} steps, "
        f"rank {options['rank']}, learning rate {options['learning_rate']:g}, {metrics['seconds']:.0f} s"
    )


def classifier(bench: Bench, purpose: str, rows: Sequence[Example]) -> str:
    """Name of a classifier on frozen embeddings, fitted on rows."""
    name = f"{purpose}-{digest(*(text for e in rows for text in (e.question, e.answer)))[:8]}"
    if name not in artefacts.names(bench.ws.store, bench.ws.scope, "head"):
        head(bench.ws, rows, name=name, tell=bench.tell)
    return name


def recipe(bench: Bench, name: str, task: Task, form: str, **parts: Any) -> str:
    """Keep a way of answering with the instruction and the longest answer of the task; it is measured as it is.

    parts: adapter, gather, control, as of a Recipe.
    """
    gather = (Stage("prompt", {"instructions": form}), *parts.pop("gather", ()))
    plain = Recipe(name, bench.ws.config.engine()[0], gather=gather, sampling={"max_tokens": task.max_tokens}, **parts)
    bench.ws.check(plain)
    recipes.put(bench.ws.store, bench.ws.scope, plain)
    return name


# --- what is measured -----------------------------------------------------------------------------


def studied(bench: Bench, name: str, cases: Sequence[Case], design: Design) -> Report:
    """The study, printed; what was measured before is not measured again."""
    report = compare(bench.ws, cases, design, name=name, tell=bench.tell)
    print(f"\nstudy {report.id}: {report.cases} cases in {report.groups} groups, task {report.task}")
    second = [figure for figure in ("token_f1", "gold_in_prompt", "rouge_l") if figure in report.figures]
    widest = max(len(arm.name) for arm in report.arms)
    columns = "".join(f"  {figure:>22}" for figure in (report.primary, *second))
    print(f"{'arm':{widest}}{columns}  {'prompt tokens':>13}  {'s alone':>7}")
    for arm in report.arms:
        figures = "".join(f"  {_shown(arm.metrics[figure]):>22}" for figure in (report.primary, *second))
        alone = "" if arm.cost.seconds is None else f"{arm.cost.seconds:.2f}"
        print(f"{arm.name:{widest}}{figures}  {arm.cost.prompt_tokens:13.0f}  {alone:>7}")
    for left in report.skipped:
        print(f"left out: {left.arm} ({left.why} {left.detail})")
    for saving in (s for s in report.savings if s.diet):
        print(f"at equal quality {saving.arm} saves {saving.tokens:.0f} tokens a call against {saving.instead_of}")
    return report


def _shown(figure: Estimate) -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return "-"
    return f"{100 * figure.value:.1f} ({100 * figure.low:.1f} to {100 * figure.high:.1f})"


def held(report: Report, orderings: Sequence[Ordering]) -> list[Outcome]:
    """Each ordering against the study's own paired figures."""
    there = {arm.name for arm in report.arms}
    found = []
    for ordering in orderings:
        lost = [arm for arm in (ordering.better, ordering.worse) if arm not in there]
        if lost:
            why = "; ".join(f"{s.arm} was left out: {s.why} {s.detail}" for s in report.skipped if s.arm in lost)
            why = why or f"no arm {', '.join(lost)}"
            found.append(Outcome(str(ordering), why=why, expected=ordering.expected))
            continue
        differ = values(report, ordering.better, ordering.scorer) - values(report, ordering.worse, ordering.scorer)
        shown = outcome(str(ordering), differ, [r.group for r in report.results])
        found.append(replace(shown, expected=ordering.expected))
    return found


def values(report: Report, arm: str, scorer: str = "") -> Floats:
    """One figure a case; NaN is no verdict. Of the scorer that the study ranks by a failure counts as wrong."""
    if not scorer or scorer == report.primary:
        given = [result.right.get(arm) for result in report.results]
    else:
        given = [_mean(result.rows, report.arm(arm).members, scorer) for result in report.results]
    return np.array([np.nan if value is None else value for value in given], dtype=np.float64)


def _mean(rows: Mapping[str, Any], members: Sequence[str], scorer: str) -> float | None:
    scores = [rows[m].scores.get(scorer) for m in members if m in rows]
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known else None


def outcome(what: str, differences: Floats, groups: Sequence[str], *, most: float = 1.0) -> Outcome:
    """A paired difference with the product's bootstrap over groups. most: the largest that a case can show."""
    there = ~np.isnan(differences)
    if not there.any():
        return Outcome(what, why="no case has a verdict for both")
    numbers = group_numbers([group for group, ok in zip(groups, there, strict=True) if ok])
    low, high = interval(differences[there], numbers, bounds=(-most, most))
    return Outcome(what, 100 * float(differences[there].mean()), 100 * float(low[0]), 100 * float(high[0]))


def task_called(name: str) -> Task:
    return task_of(Design(task=name))
