"""From a design to arms that can be asked: stock taken, classifiers and adapters learnt, candidates chosen.

What was chosen and learnt is kept with the study as soon as it is there, so a study that is gone on with does neither
again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from afina.actions import _arms as arms
from afina.actions import _choices as choices
from afina.actions import _learning as learning
from afina.domain.artefact import Recipe
from afina.domain.example import Case
from afina.domain.progress import Progress
from afina.domain.report import LeftOut, Overlap, Preparation
from afina.domain.row import Row
from afina.errors import Conflict, EmptyExamples, MissingExtra, NotCertified, Unsupported
from afina.evaluation.conclude import BASE, Entry
from afina.evaluation.design import Design, task_of
from afina.evaluation.overlap import asked_in, overlap
from afina.evaluation.run import Setting
from afina.knowledge.language import language_of
from afina.store import artefacts, recipes, studies
from afina.store.recipes import body_of
from afina.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Ready:
    """The arms that will be measured, the recipe of each seed by the name of its rows, and what was left out.

    spent: what this study itself took to build them, what arms share once.
    """

    entries: tuple[Entry, ...]
    recipes: Mapping[str, Recipe]
    skipped: tuple[LeftOut, ...]
    spent: Mapping[str, Preparation]
    overlap: Overlap = field(default_factory=Overlap)


def stock_of(ws: Workspace, cases: Sequence[Case], design: Design) -> arms.Stock:
    """What there is to build arms from, before anything is learnt. Raises NotFound for a name that there is not."""
    task = task_of(design)
    for name in (*design.recipes, *([design.judge] if design.judge else [])):
        ws.recipe(name)
    langs = [c.lang or language_of(c.question, unsure="en") for c in cases]
    lang = max(langs, key=langs.count)[:2]
    adapters = [artefacts.find(ws.store, ws.scope, "adapter", name) for name in design.tuned]
    examples = design.examples
    if examples is None:
        examples = next((name for name in design.tuned if name in ws.demonstrations.names(ws.scope)), None)
    rows = ws.demonstrations.examples(ws.scope, examples) if examples is not None else ()
    known = sorted({*(e.answer for e in rows if e.answer), *(a for c in cases for a in c.answers)})
    labels = tuple(known) if task.name == "classify" else ()
    there = design.knowledge is not None and next(iter(ws.passages.documents(ws.scope, design.knowledge)), None)
    return arms.Stock(
        task=task, engine=ws.config.engine(design.engine)[0], lang=lang, top_k=design.top_k, tuned=tuple(adapters),
        knowledge=design.knowledge if there else None, examples=examples, labels=labels,
        large=ws.config.engine(design.large)[0] if design.large else None,
        form=task.instruction(lang, labels=labels, schema=design.schema),
    )  # fmt: skip


class Builder:
    """Builds the arms of one study, remembering what it chose and learnt."""

    def __init__(self, ws: Workspace, stock: arms.Stock, design: Design, setting: Setting, study_id: str) -> None:
        self._ws, self._stock, self._design, self._setting, self._id = ws, stock, design, setting, study_id
        self._kept: dict[str, Any] = dict(studies.find(ws.store, ws.scope, study_id).body.get("kept", {}))
        self._costs: dict[str, Preparation] = {}

    def ready(self, cases: Sequence[Case], names: Sequence[str]) -> Ready:
        """Every arm that can be built and may be served; the others with their reasons."""
        on = self._validation(cases)
        skipped = self._learn(names, on)
        entries: list[Entry] = []
        built: dict[str, Recipe] = {}
        for name in names:
            why = next((s for s in skipped if s.arm == name), None) or arms.missing(name, self._stock)
            try:
                found = {} if why else self._recipes(name, on)
                for recipe in found.values():
                    self._ws.answerer(recipe)
            except (NotCertified, Conflict) as refused:
                why = LeftOut(name, "not_certified" if isinstance(refused, NotCertified) else "conflict", str(refused))
            if why:
                self._setting.tell(Progress("", note=f"left out: {why.arm} ({why.why.replace('_', ' ')}) {why.detail}"))
                skipped = [s for s in skipped if s.arm != name] + [why]
                continue
            built |= found
            first = next(iter(found.values()))
            entries.append(Entry(name, "", body_of(first), self._cost(name), tuple(found)))
        for name in self._design.recipes:
            recipe = arms.surrounded(replace(self._ws.recipe(name), name=name), self._stock.task)
            built[name] = recipe
            entries.append(Entry(name, "recipe", body_of(recipe), Preparation(), (name,)))
        return Ready(tuple(entries), built, tuple(skipped), self._spent(), self._overlap(cases, on))

    def _validation(self, cases: Sequence[Case]) -> choices.Validation:
        stock = self._stock
        on = choices.validation(self._ws, stock.examples, cases, lang=stock.lang, case_of=stock.task.case_of)
        if stock.examples is not None:
            shown = f"{self._id}-examples"
            self._ws.demonstrations.put(self._ws.scope, shown, on.shown)
            self._stock = replace(stock, examples=shown if on.shown else None)
        return on

    def _learn(self, names: Sequence[str], on: choices.Validation) -> list[LeftOut]:
        """Adapters and a classifier that arms need and that are to be learnt here; those that may not be learnt."""
        ws, stock, tell = self._ws, self._stock, self._setting.tell
        tuned = [name for name in names if "tuned" in name.split("+")]
        fitted = [name for name in names if learning.needs_head(name, stock.task)]
        try:
            if tuned and not stock.tuned and self._design.seeds and on.shown:
                self._stock = replace(
                    self._stock, tuned=learning.adapters(ws, self._id, stock, on.shown, self._design, tell=tell)
                )
        except (Unsupported, EmptyExamples, MissingExtra) as refused:
            return [LeftOut(name, "no_tuned", str(refused)) for name in tuned]
        try:
            if fitted and on.shown:
                head, self._costs["head"] = learning.classifier(ws, self._id, on.shown, tell=tell)
                self._stock = replace(self._stock, head=head)
        except (EmptyExamples, MissingExtra) as refused:
            return [LeftOut(name, "no_labels", str(refused)) for name in fitted]
        return []

    def _recipes(self, name: str, on: choices.Validation) -> dict[str, Recipe]:
        """By the name of its rows: one for each seed."""
        parts = name.split("+")
        for mechanism in (p for p in parts if p in arms.DEMONSTRATIONS or p == "prompt"):
            self._choose(mechanism, on)
        if name == arms.CASCADE:
            return {name: self._cascade(on)}
        seeds = arms.seeds_of(name, self._stock)
        made = {arms.member(name, seed, seeds): arms.built(name, self._stock, seed=seed) for seed in seeds}
        return {row: replace(recipe, name=row) for row, recipe in made.items()}

    def _choose(self, mechanism: str, on: choices.Validation) -> None:
        if mechanism in self._stock.chosen:
            return
        if mechanism not in self._kept:
            choice = choices.chosen(
                self._ws, mechanism, self._stock, on, self._choosing(mechanism), finished=self._rows()
            )
            self._keep(mechanism, choice.as_json())
        choice = choices.choice_of(self._kept[mechanism])
        shown = len(on.shown) if mechanism in arms.DEMONSTRATIONS else 0
        self._costs[mechanism] = replace(choice.preparation, labels=shown + len(on.cases))
        self._stock = replace(self._stock, chosen={**self._stock.chosen, mechanism: choice.stage})

    def _cascade(self, on: choices.Validation) -> Recipe:
        large = replace(arms.built(arms.LARGE, self._stock), name=f"{self._id}-large")
        recipes.put(self._ws.store, self._ws.scope, large)
        small = arms.built("knowledge" if self._stock.knowledge else BASE, self._stock)
        if arms.CASCADE not in self._kept:
            recipe, cost = choices.cascade(
                self._ws, small, large.name, on, self._choosing(arms.CASCADE), finished=self._rows()
            )
            self._keep(arms.CASCADE, {"recipe": body_of(recipe), "preparation": asdict(cost)})
        kept = self._kept[arms.CASCADE]
        self._costs[arms.CASCADE] = Preparation(**kept["preparation"])
        return recipes.recipe_of(arms.CASCADE, kept["recipe"])

    def _keep(self, name: str, body: Mapping[str, Any]) -> None:
        self._kept[name] = body
        studies.describe(self._ws.store, self._ws.scope, self._id, {"kept": self._kept})

    def _choosing(self, name: str) -> Setting:
        """Rows of candidates are kept with the study, so that one that is gone on with asks them nothing again."""
        ws, tell = self._ws, self._setting.tell
        return replace(
            self._setting,
            tell=lambda progress: tell(replace(progress, stage=f"choosing: {name}")),
            keep=lambda rows, texts: studies.keep(ws.store, ws.scope, self._id, rows),
        )

    def _rows(self) -> list[Row]:
        return studies.rows_of(self._ws.store, self._ws.scope, self._id)

    def _cost(self, name: str) -> Preparation:
        """Of all that an arm is made of, added up."""
        parts = [self._costs[part] for part in name.split("+") if part in self._costs]
        if "tuned" in name.split("+"):
            parts += [learning.tuning_cost(self._stock.tuned[0])]
        return parts[0] if len(parts) == 1 else _together(parts)

    def _spent(self) -> Mapping[str, Preparation]:
        """Adapters that the design names were there before."""
        learnt = () if self._design.tuned else self._stock.tuned
        return {**self._costs, **{a.digest: learning.tuning_cost(a) for a in learnt}}

    def _overlap(self, cases: Sequence[Case], on: choices.Validation) -> Overlap:
        """Of the cases with what may be shown, what adapters named in the design learnt, and what is searched."""
        ws, collection = self._ws, self._stock.knowledge
        texts = (p.text for p in ws.passages.passages(ws.scope, collection)) if collection else ()
        learnt = [name for name in self._design.tuned if name in ws.demonstrations.names(ws.scope)]
        rows = {e.digest: e for name in learnt for e in ws.demonstrations.examples(ws.scope, name)}
        found = overlap([*rows.values()], cases)[0]
        return Overlap(
            rows=max(found.rows, on.overlap.rows), exact=_union(found.exact, on.overlap.exact),
            near=_union(found.near, on.overlap.near), removed=on.overlap.removed, index=asked_in(texts, cases),
        )  # fmt: skip


def _union(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _together(parts: Sequence[Preparation]) -> Preparation:
    def total(values: list[float | None]) -> float | None:
        known = [v for v in values if v is not None]
        return sum(known) if known else None

    return Preparation(
        cpu_s=total([p.cpu_s for p in parts]), seconds=total([p.seconds for p in parts]),
        tries=sum(p.tries for p in parts), labels=max((p.labels for p in parts), default=0),
        note="; ".join(p.note for p in parts if p.note),
    )  # fmt: skip
