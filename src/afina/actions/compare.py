"""Run several ways of answering over the same cases, say what each is worth, and recommend one."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from afina import plugins
from afina.actions import _arms as arms_of
from afina.actions import _choices as choices
from afina.actions._arms import Stock
from afina.actions.load import load
from afina.contracts import Scorer
from afina.domain.artefact import Recipe
from afina.domain.ask import Ask
from afina.domain.document import digest
from afina.domain.example import Case
from afina.domain.message import Message
from afina.domain.progress import Progress, Tell, silent
from afina.domain.report import Overlap, Preparation, Report, Row
from afina.engines._attached import AttachedEngine
from afina.errors import BadRequest, Conflict, EmptyExamples, NotCertified, NotFound
from afina.evaluation.conclude import Entry, Heading, concluded
from afina.evaluation.cost import Rates
from afina.evaluation.memory import peak_of_tree
from afina.evaluation.overlap import overlap
from afina.evaluation.run import Arm, Plan, Setting, study
from afina.evaluation.show.html import page
from afina.knowledge.language import language_of
from afina.store import artefacts, recipes, studies
from afina.trust.setup import versions
from afina.workspace import Workspace

SCORERS = "evaluation.scorers"
DELTA = 0.02
TOP_K = 4


@dataclass(frozen=True, slots=True)
class Ready:
    """The arms that will be measured, and what was left out."""

    recipes: tuple[Recipe, ...]
    entries: tuple[Entry, ...]
    skipped: tuple[str, ...]
    overlap: Overlap


def compare(
    ws: Workspace,
    cases: Sequence[Case],
    *,
    name: str = "study",
    knowledge: str | None = "docs",
    tuned: str | None = None,
    examples: str | None = None,
    arms: Sequence[str] | None = None,
    engine: str | None = None,
    top_k: int = TOP_K,
    delta: float = DELTA,
    again: bool = False,
    tell: Tell = silent,
    out: Path | None = None,
) -> Report:
    """The report of a study over held-out cases; rows that were finished before are not asked again.

    knowledge: a collection; one without documents counts as none. tuned: name of an adapter. examples: name of a set of
    examples, by default the rows that the adapter learnt. arms: of _arms.ARMS, all that can be built by default; "base"
    is always among them. delta: how much worse than the best a cheaper arm may be, as a fraction. again: measure anew.
    out: where the HTML page is written. Not to be called from an event loop.

    Raises:
        EmptyExamples: no cases. BadRequest: an unknown arm, a delta outside [0, 1). NotFound: no such adapter or set.
    """
    _check(cases, delta)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
    names = arms_of.wanted(arms)
    stock = _stock(ws, cases, knowledge=knowledge, tuned=tuned, examples=examples, engine=engine, top_k=top_k)
    load(ws, ws.config.model_of(stock.engine), tell=tell)
    setting = Setting(ask_for=_asking(ws), scorers=scorers(), tell=tell)
    study_id = _id(ws, stock, cases, names)
    if again:
        studies.forget(ws.store, ws.scope, study_id)
    begun = studies.begin(ws.store, ws.scope, study_id, name=name, body={"cases": len(cases)})
    ready = _ready(ws, stock, cases, names, setting=setting, study_id=study_id)
    rows = _measured(ws, ready, cases, setting, study_id)
    fingerprint, settings = ws.engine(stock.engine).card.fingerprint, _settings(stock, setting.plan, delta)
    heading = Heading(id=study_id, name=name, created=begun.created, engine=fingerprint, settings=settings)
    report = concluded(ready.entries, cases, rows, heading=heading, delta=delta, rates=Rates())
    report = replace(report, skipped=ready.skipped, overlap=ready.overlap)
    if out is not None:
        out.write_text(page(report), encoding="utf-8")
    studies.describe(ws.store, ws.scope, study_id, {"recommendation": asdict(report.recommendation)})
    return report


def check_free(ws: Workspace, name: str) -> None:
    """Raise Conflict for a name that something else answers to; a recipe that a study kept before may be replaced."""
    if not name.strip() or name in set(ws.model_names()) - set(recipes.names(ws.store, ws.scope)):
        raise Conflict(f'"{name}" is the name of another model; choose one that `afina models` does not list')
    if ws.config.recipe(name) is not None:
        raise Conflict(f'"{name}" is a recipe of afina.toml; choose another name')


def keep_winner(ws: Workspace, report: Report, name: str) -> str:
    """Let the recommended arm answer under a name (the best one, where the rule cannot tell); returns the arm.

    Raises:
        Conflict: see `check_free`. ConfigError: a name that its recipe uses is gone.
    """
    check_free(ws, name)
    arm = report.recommendation.arm or report.recommendation.best
    recipe = recipes.recipe_of(name, report.arm(arm).recipe)
    ws.check(recipe)
    recipes.put(ws.store, ws.scope, recipe)
    return arm


def _measured(ws: Workspace, ready: Ready, cases: Sequence[Case], setting: Setting, study_id: str) -> list[Row]:
    """The rows of both passes; each block is stored as it is finished, and what was stored is not measured again."""
    keeping = replace(setting, keep=lambda new: studies.keep(ws.store, ws.scope, study_id, new))
    finished = studies.rows_of(ws.store, ws.scope, study_id)
    return ws.portal.run(study([_arm(ws, recipe) for recipe in ready.recipes], cases, keeping, finished=finished))


def _check(cases: Sequence[Case], delta: float) -> None:
    if not cases:
        raise EmptyExamples("there are no cases to compare on")
    if not 0 <= delta < 1:
        raise BadRequest(f"delta is {delta}; it is a share from 0 to below 1 (0.02 is 2 points)", param="delta")


def _stock(ws: Workspace, cases: Sequence[Case], *, knowledge: str | None, tuned: str | None, examples: str | None,
           engine: str | None, top_k: int) -> Stock:  # fmt: skip
    langs = [c.lang or language_of(c.question, unsure="en") for c in cases]
    adapter = artefacts.find(ws.store, ws.scope, "adapter", tuned) if tuned else None
    if examples is None and tuned in ws.demonstrations.names(ws.scope):
        examples = tuned
    if examples is not None:
        ws.demonstrations.examples(ws.scope, examples)  # raises NotFound before anything is measured
    there = knowledge is not None and next(iter(ws.passages.documents(ws.scope, knowledge)), None) is not None
    return Stock(
        engine=ws.config.engine(engine)[0], lang=max(langs, key=langs.count)[:2], top_k=top_k, tuned=adapter,
        knowledge=knowledge if there else None, examples=examples,
    )  # fmt: skip


def _ready(
    ws: Workspace, stock: Stock, cases: Sequence[Case], names: Sequence[str], *, setting: Setting, study_id: str
) -> Ready:
    """Build and choose; an arm that cannot be built, or may not be served, is left out with its reason."""
    on = choices.validation(ws, stock, cases, keep_as=f"{study_id}-examples")
    before: dict[str, Any] = dict(studies.find(ws.store, ws.scope, study_id).body.get("chosen", {}))
    recipes, entries, skipped = [], [], []
    for name in names:
        why = arms_of.missing(name, stock)
        if not why:
            try:
                chosen = choices.remembered(name, before) or _built(ws, name, stock, on, setting)
                ws.answerer(chosen.recipe)
            except (NotCertified, Conflict) as refused:
                why = f"{name}: {refused}"
        if why:
            skipped.append(why)
            setting.tell(Progress("", note=f"left out: {why}"))
            continue
        recipes.append(chosen.recipe)
        entries.append(arms_of.entry(name, chosen.recipe, chosen.preparation))
        before[name] = choices.remembering(chosen)
        studies.describe(ws.store, ws.scope, study_id, {"chosen": before})
    learnt = _learnt(ws, stock, cases)
    return Ready(tuple(recipes), tuple(entries), tuple(skipped), learnt or on.overlap)


def _built(ws: Workspace, name: str, stock: Stock, on: choices.Validation, setting: Setting) -> choices.Chosen:
    if name == "prompt":
        return choices.best_prompt(ws, stock, on, _within(setting, "choosing instructions"))
    if name == "examples":
        return choices.best_examples(ws, stock, on, _within(setting, "choosing examples"))
    adapter = stock.tuned if "tuned" in name else None
    cost = arms_of.tuning_cost(adapter) if adapter is not None else Preparation()
    return choices.Chosen(arms_of.built(name, stock), cost)


def _within(setting: Setting, stage: str) -> Setting:
    return replace(setting, tell=lambda progress: setting.tell(replace(progress, stage=stage)))


def _learnt(ws: Workspace, stock: Stock, cases: Sequence[Case]) -> Overlap | None:
    """What the rows that the adapter learnt share with the cases."""
    if stock.tuned is None:
        return None
    named = {adapter.digest: name for name, adapter in artefacts.all_of(ws.store, ws.scope, "adapter")}
    try:
        rows = ws.demonstrations.examples(ws.scope, named[stock.tuned.digest])
    except NotFound:
        return None
    return overlap(rows, cases)[0]


def _arm(ws: Workspace, recipe: Recipe) -> Arm:
    engine = ws.engine(recipe.engine)
    plain = Arm(recipe.name, ws.answerer(recipe), cpu_seconds=engine.cpu_seconds)
    if isinstance(engine, AttachedEngine):
        return plain  # its memory is another process's
    return replace(plain, peak_bytes=peak_of_tree())


def _asking(ws: Workspace) -> Callable[[Case], Ask]:
    return lambda case: Ask(ws.scope, (Message("user", case.question),))


def scorers() -> dict[str, Scorer]:
    """Every scorer that is installed, by name."""
    return {name: plugins.load(SCORERS, name).score for name in plugins.known(SCORERS)}


def _id(ws: Workspace, stock: Stock, cases: Sequence[Case], names: Sequence[str]) -> str:
    """Follows from all that is measured: the same study is found again, another one is another."""
    card = ws.engine(stock.engine).card
    generation = ws.passages.generation(ws.scope, stock.knowledge) if stock.knowledge else 0
    shown = ws.demonstrations.examples(ws.scope, stock.examples) if stock.examples else ()
    collection = ws.config.collection(stock.knowledge) if stock.knowledge else None
    parts = [
        card.fingerprint, card.base, ws.config.engine(stock.engine)[1].model_dump_json(), json.dumps(versions()),
        ws.config.citations.model_dump_json(), collection.model_dump_json() if collection else "",
        stock.lang, stock.tuned.digest if stock.tuned else "", str(stock.top_k), arms_of.DIGEST, choices.DIGEST,
        f"{stock.knowledge} {generation}", *names, *(e.id for e in shown),
        *(json.dumps(asdict(case), ensure_ascii=False, sort_keys=True) for case in cases),
    ]  # fmt: skip
    return f"study-{digest(*parts)[:16]}"


def _settings(stock: Stock, plan: Plan, delta: float) -> dict[str, object]:
    return {
        "engine": stock.engine,
        "language": stock.lang,
        "collection": stock.knowledge or "none",
        "passages at most": stock.top_k,
        "tokens of an answer at most": arms_of.ANSWER_TOKENS,
        "decoding": "greedy",
        "block": plan.block,
        "latency cases": plan.latency_cases,
        "seed": plan.seed,
        "delta": delta,
        "examples from": stock.examples or "none",
    }
