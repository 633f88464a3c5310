"""What is chosen before a study opens its cases: instructions and demonstrations, on validation cases."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from afina.actions._arms import CASCADE, Stock, built, candidates
from afina.actions._counting import cpu_of
from afina.domain.artefact import Recipe, Stage
from afina.domain.example import Case, Example, share_of
from afina.domain.report import Overlap, Preparation
from afina.domain.row import Row
from afina.evaluation.overlap import overlap
from afina.evaluation.run import Arm, Setting, study
from afina.knowledge.language import language_of
from afina.workspace import Workspace

VALIDATION_CASES = 24
FEWEST = 8
"""Validation cases below which nothing is chosen: it would be chance."""
CHOOSING = "choosing "
"""What the names of a candidate's rows begin with: they are kept with the study, and no part of its report."""
CONFIDENCES = (0.6, 0.8, 0.4)
"""Of a draft of the small model in a cascade, from which it stands."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Cases to choose on, and the examples that may be shown and learnt (never those)."""

    cases: tuple[Case, ...] = ()
    shown: tuple[Example, ...] = ()
    overlap: Overlap = field(default_factory=Overlap)


def validation(ws: Workspace, examples: str | None, cases: Sequence[Case], *, lang: str,
               case_of: Callable[[Example, str], Case]) -> Validation:  # fmt: skip
    """From a set of examples: those of the cases' language to choose on, the others to show and to learn.

    Examples that ask what a case asks, or share eight words in a row with one, are used for neither.
    """
    if examples is None:
        return Validation()
    rows = list(ws.demonstrations.examples(ws.scope, examples))
    found, touched = overlap(rows, cases)
    clean = sorted((r for r in rows if r.id not in touched), key=lambda r: share_of(r.id, salt="validation"))
    asked = [r for r in clean if language_of(r.question, unsure=lang) == lang][:VALIDATION_CASES]
    if len(asked) < FEWEST or len(clean) - len(asked) < FEWEST:
        asked = []
    taken = {r.id for r in asked}
    return Validation(
        tuple(case_of(r, lang) for r in asked),
        tuple(r for r in clean if r.id not in taken),
        replace(found, removed=len(touched)),
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """The candidate of a mechanism that was chosen, and what choosing took."""

    stage: Stage
    preparation: Preparation

    def as_json(self) -> dict[str, Any]:
        return {"use": self.stage.use, "options": dict(self.stage.options), "preparation": asdict(self.preparation)}


def choice_of(body: Mapping[str, Any]) -> Choice:
    """What `as_json` wrote."""
    return Choice(Stage(body["use"], body["options"]), Preparation(**body["preparation"]))


def chosen(
    ws: Workspace, mechanism: str, stock: Stock, on: Validation, setting: Setting, *, finished: Sequence[Row] = ()
) -> Choice:
    """The best candidate of a mechanism on the validation cases, alone; rows in `finished` are not asked again."""
    stages = candidates(mechanism, stock)
    recipes = [built(mechanism, replace(stock, chosen={mechanism: stage})) for stage in stages]
    place, preparation = _best(ws, mechanism, recipes, on, setting, finished=finished)
    return Choice(stages[place], preparation)


def cascade(
    ws: Workspace, small: Recipe, large: str, on: Validation, setting: Setting, *, finished: Sequence[Row] = ()
) -> tuple[Recipe, Preparation]:
    """The cascade from `small` to the recipe `large` with the confidence that is best on the validation cases."""
    recipes = [
        replace(small, name=CASCADE, control=(Stage("routed", {"large": large, "min_confidence": confidence}),))
        for confidence in CONFIDENCES
    ]
    place, preparation = _best(ws, CASCADE, recipes, on, setting, finished=finished)
    return recipes[place], preparation


def _best(
    ws: Workspace, name: str, recipes: Sequence[Recipe], on: Validation, setting: Setting, *, finished: Sequence[Row]
) -> tuple[int, Preparation]:
    """Place of the recipe that is right most often on the validation cases; of equals the one with the higher second
    score of the task, then the first. Without cases the first."""
    if not on.cases:
        note = "the first candidate: no validation cases in the language of the cases"
        return 0, Preparation(tries=1, note=note)
    arms = [
        Arm(f"{CHOOSING}{name} {n}", ws.answerer(recipe), cpu_seconds=cpu_of(ws, recipe))
        for n, recipe in enumerate(recipes, start=1)
    ]
    quiet = replace(setting, plan=replace(setting.plan, latency_cases=0), decide=lambda cases, rows: ())
    rows = ws.portal.run(study(arms, on.cases, quiet, finished=finished)).rows
    scores = [_reached([r for r in rows if r.arm == arm.name], list(setting.how.scorers)) for arm in arms]
    place = max(range(len(arms)), key=lambda n: (scores[n], -n))
    return place, Preparation(
        cpu_s=_total([s for r in rows for s in (r.used.cpu_s, r.own_cpu_s)]),
        seconds=_total([r.wall_s for r in rows]), tries=len(recipes), labels=len(on.cases),
        note=f"candidate {place + 1} of {len(recipes)}: {scores[place][0]:.0%} on {len(on.cases)} validation cases",
    )  # fmt: skip


def _reached(rows: Sequence[Row], scorers: Sequence[str]) -> tuple[float, ...]:
    """By every scorer in the task's order, the one that arms are ranked by first."""
    return tuple(_mean(rows, scorer) for scorer in scorers)


def _mean(rows: Sequence[Row], scorer: str) -> float:
    values = [r.scores.get(scorer) or 0.0 for r in rows]
    return sum(values) / len(values) if values else 0.0


def _total(values: Sequence[float | None]) -> float | None:
    """None if any is unknown."""
    known = [v for v in values if v is not None]
    return math.fsum(known) if len(known) == len(values) else None
