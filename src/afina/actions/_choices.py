"""What is chosen before a study opens its cases: instructions and demonstrations, on validation questions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from time import monotonic
from typing import Any

from afina.actions._arms import INSTRUCTIONS, Stock, instructed, shown
from afina.domain.abstention import abstains
from afina.domain.artefact import Recipe
from afina.domain.document import digest
from afina.domain.example import Case, Example, share_of
from afina.domain.report import Overlap, Preparation, Row
from afina.evaluation.overlap import overlap
from afina.evaluation.run import Arm, Plan, Setting, study
from afina.knowledge.language import language_of
from afina.store.recipes import body_of, recipe_of
from afina.workspace import Workspace

VALIDATION_CASES = 24
FEWEST = 8
"""Validation questions below which nothing is chosen: it would be chance."""
DEMONSTRATIONS = ((4, "first"), (4, "nearest"), (8, "nearest"))
"""Candidates of the arm with examples: how many, and which. The first stands where there is nothing to choose on."""


DIGEST = digest(json.dumps([VALIDATION_CASES, FEWEST, DEMONSTRATIONS]))
"""Of how choices are made; another one makes another study."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Questions to choose on, and the examples that may be shown (never those), kept as a set named `keep_as`."""

    cases: tuple[Case, ...]
    shown: tuple[Example, ...]
    overlap: Overlap
    keep_as: str


def validation(ws: Workspace, stock: Stock, cases: Sequence[Case], *, keep_as: str) -> Validation:
    """From the set of examples: those of the cases' language to choose on, the others to show.

    Examples that ask what a case asks, or share eight words in a row with one, are used for neither. keep_as: name of
    the set of those that may be shown.
    """
    if stock.examples is None:
        return Validation((), (), Overlap(), keep_as)
    rows = list(ws.demonstrations.examples(ws.scope, stock.examples))
    found, touched = overlap(rows, cases)
    clean = sorted((r for r in rows if r.id not in touched), key=lambda r: share_of(r.id, salt="validation"))
    asked = [r for r in clean if language_of(r.question, unsure=stock.lang) == stock.lang][:VALIDATION_CASES]
    if len(asked) < FEWEST or len(clean) - len(asked) < FEWEST:
        asked = []
    taken = {r.id for r in asked}
    return Validation(
        tuple(_case(r, stock.lang) for r in asked),
        tuple(r for r in clean if r.id not in taken),
        replace(found, removed=len(touched)),
        keep_as,
    )


def _case(row: Example, lang: str) -> Case:
    answers = () if abstains(row.answer) else (row.answer,)
    return Case(row.id, row.question, answers, group=row.group, lang=lang)


@dataclass(frozen=True, slots=True)
class Chosen:
    recipe: Recipe
    preparation: Preparation


def remembering(chosen: Chosen) -> dict[str, Any]:
    """A choice as JSON, for a study that is gone on with later."""
    return {"recipe": body_of(chosen.recipe), "preparation": asdict(chosen.preparation)}


def remembered(name: str, before: Mapping[str, Any]) -> Chosen | None:
    """What was chosen for an arm when the study was begun."""
    if name not in before:
        return None
    return Chosen(recipe_of(name, before[name]["recipe"]), Preparation(**before[name]["preparation"]))


def best_prompt(ws: Workspace, stock: Stock, on: Validation, setting: Setting) -> Chosen:
    candidates = INSTRUCTIONS.get(stock.lang, INSTRUCTIONS["en"])
    recipes = [instructed(stock, text) for text in candidates]
    return _best(ws, "prompt", recipes, on, setting)


def best_examples(ws: Workspace, stock: Stock, on: Validation, setting: Setting) -> Chosen:
    ws.demonstrations.put(ws.scope, on.keep_as, on.shown)
    recipes = [shown(stock, examples=on.keep_as, count=count, choose=which) for count, which in DEMONSTRATIONS]
    chosen = _best(ws, "examples", recipes, on, setting)
    return replace(chosen, preparation=replace(chosen.preparation, labels=len(on.shown) + len(on.cases)))


def _best(ws: Workspace, name: str, recipes: Sequence[Recipe], on: Validation, setting: Setting) -> Chosen:
    """The recipe that is right most often on the validation questions; of equals the one with the higher F1, then
    the first. Without questions the first."""
    if not on.cases:
        note = "the first candidate: no validation questions in the language of the cases"
        return Chosen(replace(recipes[0], name=name), Preparation(tries=1, note=note))
    cpu_seconds = ws.engine(recipes[0].engine).cpu_seconds
    before, started = cpu_seconds(), monotonic()
    arms = [Arm(f"{name} {n}", ws.answerer(recipe)) for n, recipe in enumerate(recipes, start=1)]
    plan = Plan(latency_cases=0, seed=setting.plan.seed)
    rows = ws.portal.run(study(arms, on.cases, replace(setting, plan=plan, keep=lambda rows: None)))
    scores = [_reached([r for r in rows if r.arm == arm.name]) for arm in arms]
    place = max(range(len(arms)), key=lambda n: (scores[n], -n))
    preparation = Preparation(
        cpu_s=_less(cpu_seconds(), before), seconds=monotonic() - started, tries=len(recipes), labels=len(on.cases),
        note=f"candidate {place + 1} of {len(recipes)}: right on {scores[place][0]:.0%} of {len(on.cases)} "
        f"validation questions",
    )  # fmt: skip
    return Chosen(replace(recipes[place], name=name), preparation)


def _reached(rows: Sequence[Row]) -> tuple[float, float]:
    return _mean(rows, "correct"), _mean(rows, "token_f1")


def _mean(rows: Sequence[Row], scorer: str) -> float:
    values = [r.scores.get(scorer) or 0.0 for r in rows]
    return sum(values) / len(values) if values else 0.0


def _less(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before
