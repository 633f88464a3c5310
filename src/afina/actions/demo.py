"""The main job on real input that is on every machine: documents in, ways of answering measured, the best one served.

English: the documentation of the installed standard library; the modules are split by the hash of their name, tuning
sees one part and the cases ask about the other. Spanish: the handbook of an invented organisation. Each step is done
once; what changed since is done again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afina.actions._steps import Outcome, Step, Steps
from afina.actions.compare import compare
from afina.actions.ingest import add
from afina.actions.load import load
from afina.actions.synthesise import synthesise
from afina.actions.tune import tune
from afina.demo.cases import cases, check
from afina.demo.material import LIBRARY, MANUAL, origin, read_back, tuning_names, write_library, write_manual
from afina.domain.document import digest
from afina.domain.example import Case, Example
from afina.domain.message import Message
from afina.domain.progress import Tell, silent
from afina.domain.report import CaseResult, Report
from afina.errors import BadRequest
from afina.evaluation.design import Design
from afina.evaluation.show.tables import Table, tables
from afina.prompting.template import QUESTION
from afina.store import artefacts, recipes
from afina.tuning.data import load_examples
from afina.workspace import Workspace

READER = "demo-reader"
"""Name of the adapter that the demo tunes."""

EXAMPLES = "demo-examples"
"""Name of the set of examples that the arm with demonstrations shows: the tuning rows without their sources."""

ROWS, SEED, EPOCHS = 300, 0, 3
ARMS = ("prompt", "nearest", "knowledge", "tuned", "tuned+knowledge")
"""What is measured beside doing nothing."""

LONGEST_TUNING_S, SHORTEST_TUNING_S, CERTIFYING_S = 180.0, 30.0, 40.0

PLAN = (
    Step("model", "the bundled model, and its certificate", 75),
    Step("documents", "documentation of this Python", 4),
    Step("stdlib", "adding it", 25),
    Step("manual", "adding a Spanish handbook", 2),
    Step("rows", "tuning rows from half of the modules", 6),
    Step("tuned", "tuning and certifying", 150),
    Step("english", "six ways of answering, English", 235),
    Step("spanish", "six ways of answering, Spanish", 135),
)
"""usual_s: on two cores."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What one study asks about. step: its place in PLAN. model: the name its recommended recipe is served under."""

    step: str
    title: str
    collection: str
    cases: str
    model: str


SUBJECTS = (
    Subject("english", "The standard library's documentation, English", LIBRARY, "cases.jsonl", "demo"),
    Subject("spanish", "The handbook of an invented cooperative, Spanish", MANUAL, "casos_es.jsonl", "demo-manual"),
)


@dataclass(frozen=True, slots=True)
class StudyShown:
    """One study as it is told. tables: title, note, columns and rows, as text.

    arm: the one that is served as `model`. dropped: cases that do not hold on this Python, with the reason.
    question: one that may be asked next.
    """

    title: str
    tables: tuple[Mapping[str, Any], ...]
    findings: tuple[str, ...]
    recommendation: str
    arm: str
    model: str
    page: Path
    dropped: tuple[tuple[str, str], ...]
    question: str


@dataclass(frozen=True, slots=True)
class Shown:
    studies: tuple[StudyShown, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Doing:
    """What the demo does its work with; a test may put others in their place."""

    library: Callable[[Path], Mapping[str, str]] = write_library
    add: Callable[..., Any] = add
    synthesise: Callable[..., Any] = synthesise
    tune: Callable[..., Any] = tune
    compare: Callable[..., Report] = compare


def demo(ws: Workspace, *, minutes: float = 10.0, tell: Tell = silent, doing: Doing | None = None) -> Shown:
    """Run what of the demo is not done yet, register the recommended recipes, and return what to show.

    minutes: what to aim for in all; tuning gets what the other steps usually leave, 3 minutes at most, half a minute
    at least. Nothing else is shortened: a slow machine takes longer.

    Raises:
        BadRequest: no time at all. And whatever its steps raise; finished steps stay done.
    """
    if minutes <= 0:
        raise BadRequest(f"minutes is {minutes}; the demo needs more than 0", param="minutes")
    doing, folder = doing or Doing(), ws.root / "demo"
    steps = Steps(ws.store, plan=PLAN, key="demo", tell=tell)
    _forget_what_is_gone(ws, steps, folder)
    steps.take("model", lambda t: _model(ws, t), inputs=(ws.config.workspace.engine,))
    _documents(ws, steps, folder, doing)
    _tuned(ws, steps, folder, doing, minutes=minutes)
    studies = tuple(_study(ws, steps, folder, doing, subject) for subject in SUBJECTS)
    return Shown(studies, steps.elapsed_s)


def _model(ws: Workspace, tell: Tell) -> Outcome:
    load(ws, ws.config.model_of(ws.config.engine()[0]), tell=tell)
    return {"base": ws.engine().card.base}


def _forget_what_is_gone(ws: Workspace, steps: Steps, folder: Path) -> None:
    """Let steps be done again whose results were removed by hand."""
    known = set(ws.passages.names(ws.scope))
    gone = {
        "documents": not (folder / LIBRARY).is_dir() or not (folder / MANUAL).is_dir(),
        "stdlib": LIBRARY not in known,
        "manual": MANUAL not in known,
        "rows": not (folder / "rows.jsonl").is_file() or EXAMPLES not in ws.demonstrations.names(ws.scope),
        "tuned": READER not in artefacts.names(ws.store, ws.scope, "adapter"),
        **{s.step: not (folder / f"{s.step}.html").is_file() for s in SUBJECTS},
    }
    for name in (n for n, lost in gone.items() if lost):
        steps.forget(name)


def _documents(ws: Workspace, steps: Steps, folder: Path, doing: Doing) -> None:
    def write(tell: Tell) -> Outcome:
        written = {LIBRARY: doing.library(folder), MANUAL: write_manual(folder)}
        return {name: digest(*(part for page in pages.items() for part in page)) for name, pages in written.items()}

    texts = steps.take("documents", write, inputs=(origin(),))
    for collection in (LIBRARY, MANUAL):
        steps.take(collection, _adding(ws, folder / collection, collection, doing), inputs=(texts[collection],))


def _adding(ws: Workspace, folder: Path, collection: str, doing: Doing) -> Callable[[Tell], Outcome]:
    def work(tell: Tell) -> Outcome:
        doing.add(ws, folder, collection=collection, tell=tell)
        return {"generation": ws.passages.generation(ws.scope, collection)}

    return work


def _tuned(ws: Workspace, steps: Steps, folder: Path, doing: Doing, *, minutes: float) -> None:
    rows = folder / "rows.jsonl"

    def make(tell: Tell) -> Outcome:
        names = tuning_names(read_back(folder / LIBRARY))
        doing.synthesise(ws, collection=LIBRARY, documents=names, count=ROWS, seed=SEED, out=rows, tell=tell)
        ws.demonstrations.put(ws.scope, EXAMPLES, [without_sources(e) for e in load_examples(rows)])
        return {"digest": digest(rows.read_bytes())}

    def fit(tell: Tell) -> Outcome:
        left_s = minutes * 60 - steps.elapsed_s - steps.usual_after_s("tuned") - CERTIFYING_S
        most_s = max(SHORTEST_TUNING_S, min(LONGEST_TUNING_S, left_s))
        adapter = doing.tune(
            ws, rows, name=READER, max_minutes=most_s / 60, options={"epochs": EPOCHS}, resume=True, tell=tell
        )
        return {"adapter": adapter.digest}

    steps.take("rows", make, inputs=(steps.digest_of(LIBRARY), str(ROWS), str(SEED)))
    steps.take("tuned", fit, inputs=(steps.digest_of("rows"), steps.digest_of("model"), str(EPOCHS)))


def without_sources(example: Example) -> Example:
    """The bare question and its answer: as an example of the form, sources of another question would only mislead."""
    question = example.question.rpartition(f"{QUESTION['en']}: ")[2]
    return Example(example.id, (Message("user", question), Message("assistant", example.answer)), example.group)


def _study(ws: Workspace, steps: Steps, folder: Path, doing: Doing, subject: Subject) -> StudyShown:
    checked = check(cases(subject.cases), read_back(folder / subject.collection))
    page = folder / f"{subject.step}.html"

    def work(tell: Tell) -> Outcome:
        design = Design(arms=ARMS, knowledge=subject.collection, tuned=(READER,), examples=EXAMPLES)
        report = doing.compare(ws, checked.kept, design, name=subject.title, tell=tell, out=[page])
        return _told(report)

    inputs = (digest_of_cases(checked.kept), *(steps.digest_of(n) for n in (subject.collection, "rows", "tuned")))
    told = steps.take(subject.step, work, inputs=inputs)
    recipe = recipes.recipe_of(subject.model, told["recipe"])
    ws.check(recipe)
    recipes.put(ws.store, ws.scope, recipe)
    return StudyShown(
        title=subject.title,
        tables=tuple(told["tables"]),
        findings=tuple(told["findings"]),
        recommendation=told["recommendation"],
        arm=told["arm"],
        model=subject.model,
        page=page,
        dropped=checked.dropped,
        question=told["question"],
    )


def digest_of_cases(found: Sequence[Case]) -> str:
    return digest(*(part for c in found for part in (c.id, c.question, *c.answers, c.document, c.span)))


def _told(report: Report) -> Outcome:
    """What of a report is told again by a later run, as JSON values. Where the rule cannot tell, the best is served."""
    served = report.recommendation.arm or report.recommendation.best
    return {
        "tables": [_table(one) for one in tables(report)],
        "findings": list(report.findings),
        "recommendation": report.recommendation.sentence,
        "arm": served,
        "recipe": dict(report.arm(served).recipe),
        "question": next((c.question for c in _worth_asking(report, served)), ""),
    }


def _worth_asking(report: Report, arm: str) -> list[CaseResult]:
    """Cases with an answer, those first that the arm is right on."""
    known = [c for c in report.results if c.expected]
    return sorted(known, key=lambda c: -(c.right.get(arm) or 0.0))


def _table(one: Table) -> dict[str, Any]:
    rows = [[cell.text for cell in row] for row in one.rows]
    return {"title": one.title, "note": one.note, "columns": [name for name, _ in one.columns], "rows": rows}
