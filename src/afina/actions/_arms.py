"""The arms of a study as recipes, built from what the workspace has; each has the same instruction on the form.

An arm is a set of mechanisms joined by + ("tuned+knowledge"), or one that a task makes of control stages ("head").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from afina.domain.artefact import Artefact, Recipe, Stage
from afina.domain.report import LeftOut
from afina.errors import BadRequest, nearest
from afina.evaluation.conclude import BASE, MECHANISMS
from afina.evaluation.design import Design
from afina.evaluation.task import COLLECTION, HEAD, Task

LARGE, CASCADE = "large", "cascade"
CHOSEN = ("prompt", "examples", "nearest")
"""Mechanisms that have candidates, chosen among on validation cases."""

DEMONSTRATIONS = {"examples": (4, 8, 2), "nearest": (4, 8, 2)}
"""How many are shown, by mechanism; the first stands where there is nothing to choose on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What arms can be built from; None is not there. engine, large: names of engines. tuned: adapters, one a seed.

    examples: name of the set that may be shown. labels: of a classification. head: a fitted classifier.
    """

    task: Task
    engine: str
    lang: str
    knowledge: str | None
    top_k: int
    tuned: tuple[Artefact, ...] = ()
    examples: str | None = None
    large: str | None = None
    head: Artefact | None = None
    labels: tuple[str, ...] = ()
    form: str = ""
    chosen: Mapping[str, Stage] = field(default_factory=dict)

    @property
    def plain(self) -> Recipe:
        """What every arm has: the form of the answer and its longest length."""
        gather = (Stage("prompt", {"instructions": self.form}),) if self.form else ()
        sampling = {"max_tokens": self.task.max_tokens}
        return Recipe("", self.engine, gather=gather, control=self.task.control, sampling=sampling)


def wanted(design: Design, task: Task) -> tuple[str, ...]:
    """The arms to measure, in the task's order, then as asked for; doing nothing is always among them.

    Raises:
        BadRequest: an arm that there is not, or a recipe that could not be told from one.
    """
    usual = (*task.arms, *((LARGE, CASCADE) if design.large else ()))
    known = {*task.arms, *task.controls, *MECHANISMS, LARGE, CASCADE}
    for name in design.arms or ():
        parts = name.split("+")
        wrong = next((p for p in parts if p not in known), None)
        if wrong is not None:
            raise BadRequest(f'no arm is called "{wrong}"{nearest(wrong, sorted(known))}', param="arms")
        if len(set(parts)) < len(parts) or (len(parts) > 1 and not set(parts) <= {*MECHANISMS, LARGE}):
            raise BadRequest(f'"{name}" is no arm: join different ones of {", ".join(MECHANISMS)}', param="arms")
    for name in design.recipes:
        if set(name.partition("~")[0].split("+")) <= known:
            raise BadRequest(f'"{name}" is the name of an arm; give the recipe another one', param="recipes")
    asked = [canonical(name) for name in design.arms or ()]
    names = usual if design.arms is None else [*(n for n in usual if n in asked), *asked]
    return tuple(dict.fromkeys((BASE, *names)))


def canonical(name: str) -> str:
    """The one way to write a set of mechanisms: adapters first, as in "tuned+knowledge"."""
    order = [LARGE, "tuned", "prompt", "examples", "nearest", "knowledge"]
    parts = name.split("+")
    return "+".join(sorted(parts, key=order.index)) if len(parts) > 1 else name


def missing(name: str, stock: Stock) -> LeftOut | None:
    """Why an arm cannot be built; None if it can."""
    parts = set(name.split("+"))
    stages = stock.task.controls.get(name, ())
    values = {str(value) for stage in stages for value in stage.options.values()}
    lacking = {
        "no_documents": stock.knowledge is None and ("knowledge" in parts or COLLECTION in values),
        "no_tuned": not stock.tuned and "tuned" in parts,
        "no_examples": stock.examples is None and bool(parts & {"examples", "nearest"}),
        "no_labels": stock.head is None and HEAD in values,
        "no_large": stock.large is None and bool(parts & {LARGE, CASCADE}),
        "other_base": {LARGE, "tuned"} <= parts,
    }
    why = next((reason for reason, holds in lacking.items() if holds), None)
    return LeftOut(name, why) if why else None


def candidates(mechanism: str, stock: Stock) -> list[Stage]:
    """The ways of one mechanism that are chosen among; the first stands where there is nothing to choose on."""
    if mechanism == "prompt":
        texts = stock.task.prompts.get(stock.lang) or stock.task.prompts.get("en", ())
        return [Stage("prompt", {"instructions": text}) for text in texts]
    choose = "first" if mechanism == "examples" else "nearest"
    return [
        Stage("examples", {"set": stock.examples, "count": count, "choose": choose})
        for count in DEMONSTRATIONS[mechanism]
    ]


def built(name: str, stock: Stock, *, seed: int = 0) -> Recipe:
    """An arm that is not `missing`; mechanisms with candidates are as `stock.chosen` says."""
    if name in stock.task.controls:
        control = tuple(_filled(stage, stock) for stage in stock.task.controls[name])
        return replace(stock.plain, name=name, control=control)
    parts = set(name.split("+")) - {BASE}
    gather = [stock.chosen["prompt"]] if "prompt" in parts else []
    gather += stock.plain.gather
    gather += [stock.chosen[shown] for shown in ("examples", "nearest") if shown in parts]
    if "knowledge" in parts:
        gather.append(Stage("knowledge", {"collection": stock.knowledge, "top_k": stock.top_k}))
    adapter = stock.tuned[seed].digest if "tuned" in parts else None
    engine = stock.large if LARGE in parts and stock.large else stock.engine
    return replace(stock.plain, name=name, engine=engine, adapter=adapter, gather=tuple(gather))


def surrounded(recipe: Recipe, task: Task) -> Recipe:
    """A recipe with the stages that stand around every arm of a task, unless it has one of them itself."""
    if not task.control or {s.use for s in recipe.control} & {s.use for s in task.control}:
        return recipe
    sampling = {"max_tokens": task.max_tokens, **recipe.sampling}
    return replace(recipe, control=(*recipe.control, *task.control), sampling=sampling)


def seeds_of(name: str, stock: Stock) -> Sequence[int]:
    """The seeds that an arm is measured with: one for each adapter."""
    return range(len(stock.tuned) if "tuned" in name.split("+") else 1)


def member(name: str, seed: int, seeds: Sequence[int]) -> str:
    """What the rows of one seed of an arm are called."""
    return name if len(seeds) == 1 else f"{name}~{seed + 1}"


def _filled(stage: Stage, stock: Stock) -> Stage:
    known = {COLLECTION: stock.knowledge, HEAD: stock.head.digest if stock.head else None}
    return Stage(stage.use, {key: known.get(value, value) if isinstance(value, str) else value
                             for key, value in stage.options.items()})  # fmt: skip
