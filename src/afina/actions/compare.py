"""Run several ways of answering over the same cases, say what each is worth, and recommend one."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path

from afina import plugins
from afina.actions import _arms as arms_of
from afina.actions._building import Builder, Ready, stock_of
from afina.actions._counting import cpu_of
from afina.actions._identity import study_id as id_of
from afina.actions._judging import judge_of, verdicts
from afina.actions.load import load
from afina.actions.studies import cases_as_json, design_as_json, entry_as_json, rates_of, report_of
from afina.contracts import Scorer
from afina.domain.artefact import Recipe
from afina.domain.ask import Ask
from afina.domain.example import Case
from afina.domain.message import Message
from afina.domain.progress import Tell, silent
from afina.domain.report import Report, Stopped
from afina.domain.row import Row
from afina.engines._attached import AttachedEngine
from afina.errors import BadRequest, EmptyExamples
from afina.evaluation.asking import Questioning
from afina.evaluation.budget import Budget, over
from afina.evaluation.conclude import BASE, Facts, evidence
from afina.evaluation.design import Design
from afina.evaluation.memory import peak_of_tree
from afina.evaluation.run import Arm, Measured, Plan, Setting, study
from afina.evaluation.show.formats import check_suffix, written
from afina.evaluation.show.words import words
from afina.evaluation.statistics.sequences import dominated
from afina.evaluation.task import Task
from afina.mechanisms.sharing import Shared
from afina.store import studies
from afina.trust.energy import meter
from afina.workspace import Workspace

SCORERS = "evaluation.scorers"
EVERY_BLOCK = 20
"""Blocks up to which arms are looked at after each."""


def compare(
    ws: Workspace,
    cases: Sequence[Case],
    design: Design | None = None,
    *,
    name: str = "study",
    again: bool = False,
    tell: Tell = silent,
    out: Sequence[Path] = (),
    lang: str = "en",
) -> Report:
    """The report of a study over held-out cases; what was finished before is not asked again.

    design: what to measure, all that can be built by default. again: measure anew. out: files to write, by suffix
    .html, .md, .json or .csv; lang: their language. Not to be called from an event loop.

    Raises:
        EmptyExamples: no cases. BadRequest: no such arm, suffix or language, or two cases of one id. NotFound: no
        such adapter, set or recipe. ConfigError, Conflict, NotCertified: a recipe that cannot answer.
    """
    design = design or Design()
    _check(cases, out, lang)
    stock = stock_of(ws, cases, design)
    names = arms_of.wanted(design, stock.task)
    _open(ws, stock, design, tell)
    judge = judge_of(ws, design, tell=tell)
    study_id, body = id_of(ws, stock, cases, design), _body(ws, stock, cases, design)
    if again:
        studies.forget(ws.store, ws.scope, study_id)
    studies.begin(ws.store, ws.scope, study_id, name=name, body=body)
    studies.describe(ws.store, ws.scope, study_id, body)
    with counters() as joules:
        setting = _setting(ws, stock, design, tell, joules)
        ready = Builder(ws, stock, design, setting, study_id).ready(cases, names)
        _describe(ws, study_id, ready)
        deciding = replace(setting, decide=_deciding(ws, ready, cases, design, stock.task))
        measured = _measured(ws, ready, cases, deciding, study_id)
        told = verdicts(
            ws, judge, cases, study_id=study_id, setting=setting, measured=measured, ready=ready, design=design,
            primary=stock.task.primary,
        )  # fmt: skip
    found = {"stopped": [asdict(s) for s in (*measured.stopped, *told.stopped)]}
    studies.describe(ws.store, ws.scope, study_id, {**found, "judges": [asdict(j) for j in told.agreements]})
    report = report_of(ws, study_id)
    studies.describe(ws.store, ws.scope, study_id, {"recommended": report.recommendation.arm})
    for path in out:
        written(report, path, lang)
    return report


def _check(cases: Sequence[Case], out: Sequence[Path], lang: str) -> None:
    """What would be found out when all is measured, or never."""
    if not cases:
        raise EmptyExamples("there are no cases to compare on")
    twice, times = Counter(case.id for case in cases).most_common(1)[0]
    if times > 1:
        raise BadRequest(f'"{twice}" is the id of two cases; each needs its own', param="cases")
    for path in out:
        check_suffix(path)
    words(lang)


def _open(ws: Workspace, stock: arms_of.Stock, design: Design, tell: Tell) -> None:
    """The engines of all arms, and see that recipes can answer: later that would cost what was learnt till then."""
    recipes = [arms_of.surrounded(ws.recipe(name), stock.task) for name in design.recipes]
    for engine in dict.fromkeys((stock.engine, stock.large or stock.engine, *(r.engine for r in recipes))):
        load(ws, ws.config.model_of(engine), tell=tell)
        check_prices(ws, engine, design.budget)
    for recipe in recipes:
        ws.answerer(recipe)


def check_prices(ws: Workspace, engine: str, budget: Budget) -> None:
    """Raise BadRequest for a limit that could not be kept: an engine elsewhere whose price, or energy, nobody knows."""
    name, used = ws.config.engine(engine)
    if not getattr(plugins.load("engines", used.use), "REMOTE", False):
        return
    if budget.energy_wh is not None:
        raise BadRequest(f'engine "{name}" is elsewhere: what energy it takes is not known here', param="energy_wh")
    if budget.money is not None and not {"price_in", "price_out"} <= set(used.options):
        raise BadRequest(
            f'engine "{name}" has no price_in and price_out: set them, or no limit of money', param="money"
        )


@contextmanager
def counters() -> Iterator[Callable[[], float | None]]:
    """What the machine's energy counters say, while they are open; None where it has none."""
    found = meter()
    with found or nullcontext():
        yield found.joules if found else lambda: None


def _setting(
    ws: Workspace, stock: arms_of.Stock, design: Design, tell: Tell, joules: Callable[[], float | None]
) -> Setting:
    how = Questioning(ask_for=_asking(ws, stock, design), scorers=scorers(ws, stock.task))
    return Setting(how=how, plan=Plan(block=design.block), tell=tell, joules=joules)


def _asking(ws: Workspace, stock: arms_of.Stock, design: Design) -> Callable[[Case], Ask]:
    """Every arm is asked the same; a schema binds those engines that can be bound."""
    schema = design.schema if design.schema and ws.engine(stock.engine).card.can.schema else None
    return lambda case: Ask(ws.scope, (Message("user", case.question),), schema=schema)


def scorers(ws: Workspace, task: Task) -> dict[str, Scorer]:
    """The scorers of a task by name, in its order; one that looks at meaning gets the workspace's embedder."""
    found = {name: plugins.load(SCORERS, name) for name in task.scorers}
    return {name: m.build(ws.embedder()) if hasattr(m, "build") else m.score for name, m in found.items()}


def _describe(ws: Workspace, study_id: str, ready: Ready) -> None:
    body = {
        "entries": [entry_as_json(entry) for entry in ready.entries],
        "skipped": [asdict(s) for s in ready.skipped],
        "overlap": asdict(ready.overlap),
    }
    studies.describe(ws.store, ws.scope, study_id, body)


def _measured(ws: Workspace, ready: Ready, cases: Sequence[Case], setting: Setting, study_id: str) -> Measured:
    """Both passes; each block is stored as it is finished, and what was stored is not measured again."""
    keeping = replace(setting, keep=lambda rows, texts: studies.keep(ws.store, ws.scope, study_id, rows, texts))
    finished = [row for row in studies.rows_of(ws.store, ws.scope, study_id) if row.turn != "judge"]
    shared = Shared()
    arms = [_arm(ws, row, ready.recipes[row], entry.name, shared) for entry in ready.entries for row in entry.rows]
    return ws.portal.run(study(arms, cases, keeping, finished=finished))


def _arm(ws: Workspace, row: str, recipe: Recipe, family: str, shared: Shared) -> Arm:
    engine = ws.engine(recipe.engine)
    alone, together = ws.answerer(recipe), ws.answerer(recipe, shared=shared)
    plain = Arm(row, alone, shared=together, of=family, cpu_seconds=cpu_of(ws, recipe))
    if isinstance(engine, AttachedEngine):
        return plain  # its memory is another process's
    return replace(plain, peak_bytes=peak_of_tree())


def _deciding(
    ws: Workspace, ready: Ready, cases: Sequence[Case], design: Design, task: Task
) -> Callable[[Sequence[Case], Sequence[Row]], Sequence[Stopped]]:
    """Stops arms that are shown to be worse, and those that the budget has no room for."""
    facts = Facts(task=task, delta=design.delta, rates=rates_of(ws))
    entries = ready.entries

    def decide(done: Sequence[Case], rows: Sequence[Row]) -> Sequence[Stopped]:
        if not is_look(len(done), design.block):
            return ()
        seen = evidence(entries, cases, rows, facts)  # all cases: a group that is asked in part must be known as such
        worse = dominated(seen.right, seen.groups, delta=design.delta, protected=(BASE,)) if design.early else {}
        found = [Stopped(arm, "dominated", d.after_cases, d.against, d.low, d.high) for arm, d in worse.items()]
        last = {row.arm for row in rows if row.turn == "quality" and row.case == done[-1].id}
        left = {
            e.name: (len(cases) - len(done)) * len(e.rows) for e in entries if e.rows[0] in last and e.name not in worse
        }
        return [*found, *over(design.budget, seen.rows, left=left, prepared=ready.spent, rates=facts.rates)]

    return decide


def is_look(done: int, block: int) -> bool:
    """Whether arms are looked at after so many cases: after every block at first, then each time there is a tenth more,
    so that the looks of a long study do not cost more than its answers."""
    blocks = math.ceil(done / block)
    return blocks <= EVERY_BLOCK or int(math.log(blocks, 1.1)) > int(math.log(blocks - 1, 1.1))


def _body(ws: Workspace, stock: arms_of.Stock, cases: Sequence[Case], design: Design) -> dict[str, object]:
    return {
        "cases": cases_as_json(cases),
        "design": design_as_json(design),
        "rates": asdict(rates_of(ws)),
        "engine": ws.engine(stock.engine).card.fingerprint,
        "settings": _settings(stock, design),
    }


def _settings(stock: arms_of.Stock, design: Design) -> Mapping[str, object]:
    plan = Plan(block=design.block)
    return {
        "engine": stock.engine,
        "language": stock.lang,
        "collection": stock.knowledge or "none",
        "passages at most": stock.top_k,
        "tokens of an answer at most": stock.task.max_tokens,
        "decoding": "greedy",
        "block": plan.block,
        "latency cases": plan.latency_cases,
        "seed": plan.seed,
        "delta": design.delta,
        "arms stopped early": "yes" if design.early else "no",
        "examples from": stock.examples or "none",
        **{f"budget, {unit}": limit for unit, limit in design.budget.limits.items()},
    }
