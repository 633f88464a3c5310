"""The id of a study follows from all that its rows depend on: the same question is found again, another is another.

What only says which rows are wanted and what to make of them (arms, seeds, delta, early stops, budget, judge) is no
part of it: a study may be widened, or gone on with under a larger budget, and what was measured is not measured again.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from afina import parts
from afina.actions._arms import Stock
from afina.domain.artefact import Recipe
from afina.domain.document import digest
from afina.domain.example import Case
from afina.evaluation.design import Design
from afina.store import artefacts
from afina.store.models import OF_STUDIES
from afina.trust.setup import versions
from afina.workspace import Workspace

FREE = ("arms", "seeds", "delta", "early", "budget", "judge", "recipes")
"""Fields of a design that may differ between runs of one study (recipes count by what they are)."""


def study_id(ws: Workspace, stock: Stock, cases: Sequence[Case], design: Design) -> str:
    asked = {name: value for name, value in asdict(design).items() if name not in FREE}
    form = [stock.lang, stock.form, json.dumps(stock.task.prompts, sort_keys=True), str(stock.task.max_tokens)]
    found = [
        *_of_engine(ws, stock.engine), *(_of_engine(ws, stock.large) if stock.large else ()), json.dumps(versions()),
        json.dumps(asked, sort_keys=True), *form, ws.config.citations.model_dump_json(),
        *(_of_collection(ws, stock.knowledge) if stock.knowledge else ()),
        *(a.digest for a in stock.tuned), *(_of_examples(ws, stock.examples) if stock.examples else ()),
        *(part for name in sorted(design.recipes) for part in (name, *_of_recipe(ws, ws.recipe(name)))),
        *(json.dumps(asdict(case), ensure_ascii=False, sort_keys=True) for case in cases),
    ]  # fmt: skip
    return f"{OF_STUDIES}{digest(*found)[:16]}"


def _of_engine(ws: Workspace, name: str) -> list[str]:
    card, used = ws.engine(name).card, ws.config.engine(name)[1]
    return [card.fingerprint, card.base, used.model_dump_json()]


def _of_collection(ws: Workspace, name: str) -> list[str]:
    generation = ws.passages.generation(ws.scope, name)
    return [name, str(generation), ws.config.collection(name).model_dump_json(), ws.embedder(name).digest]


def _of_examples(ws: Workspace, name: str) -> list[str]:
    return [example.digest for example in ws.demonstrations.examples(ws.scope, name)]


def _of_recipe(ws: Workspace, recipe: Recipe) -> Iterator[str]:
    """A recipe and everything that it names; circles were refused when it was checked."""
    yield recipe.digest
    yield from _of_engine(ws, recipe.engine)
    if recipe.adapter:
        yield artefacts.find(ws.store, ws.scope, "adapter", recipe.adapter).digest
    for to, name, _ in parts.references(recipe):
        if to == "recipe":
            yield from _of_recipe(ws, ws.recipe(name))
        elif to == "collection":
            yield from _of_collection(ws, name)
        elif to == "examples":
            yield from _of_examples(ws, name)
        elif to in ("adapter", "head"):
            yield artefacts.find(ws.store, ws.scope, "head" if to == "head" else "adapter", name).digest
