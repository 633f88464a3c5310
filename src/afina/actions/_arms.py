"""The arms of a study as recipes, built from what the workspace has; each has the same instruction on the form."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from afina.domain.abstention import ANSWER_FORM
from afina.domain.artefact import Artefact, Recipe, Stage
from afina.domain.document import digest
from afina.domain.report import Preparation
from afina.errors import BadRequest, nearest
from afina.evaluation.conclude import BASE, Entry
from afina.store.recipes import body_of

ARMS = (BASE, "prompt", "examples", "knowledge", "tuned", "tuned+knowledge")
ANSWER_TOKENS = 64
"""The longest answer of any arm; a rambling arm must not be right by saying everything."""

WHAT = {
    BASE: "the model as it is, told only the form of an answer",
    "prompt": "with instructions chosen on validation cases",
    "examples": "with demonstrations chosen on validation cases",
    "knowledge": "with passages found in the documents",
    "tuned": "with the adapter, without passages",
    "tuned+knowledge": "with the adapter and passages found in the documents",
}

INSTRUCTIONS = {
    "en": (
        "You answer factual questions about the documents of one organisation. Think of the one name, number or phrase "
        "that answers and say only that. Never guess.",
        "Reply like the entry of a glossary: the exact term, name, value or number that was asked for, without a "
        "sentence around it.",
        "You are an expert on the subject of the question. Give the precise answer first and stop.",
    ),
    "es": (
        "Respondes preguntas concretas sobre los documentos de una organización. Piensa en el nombre, número o frase "
        "que responde y di solo eso. No inventes.",
        "Responde como la entrada de un glosario: el término, nombre, valor o número exacto, sin una frase alrededor.",
        "Conoces a fondo el tema de la pregunta. Da primero la respuesta precisa y detente.",
    ),
}
"""Candidates of the prompt arm, by language; the first is taken where there is nothing to choose on."""


DIGEST = digest(json.dumps([ANSWER_TOKENS, ANSWER_FORM, INSTRUCTIONS], sort_keys=True))
"""Of what arms are made from here; another one makes another study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What arms can be built from; None is not there. tuned: the adapter. examples: name of a set of demonstrations."""

    engine: str
    lang: str
    knowledge: str | None
    top_k: int
    tuned: Artefact | None
    examples: str | None

    @property
    def form(self) -> Stage:
        return Stage("prompt", {"instructions": ANSWER_FORM.get(self.lang, ANSWER_FORM["en"])})

    @property
    def plain(self) -> Recipe:
        """What every arm has: the form of the answer and its longest length."""
        return Recipe("", self.engine, gather=(self.form,), sampling={"max_tokens": ANSWER_TOKENS})


def missing(name: str, stock: Stock) -> str:
    """Why an arm cannot be built; '' if it can."""
    if "knowledge" in name and stock.knowledge is None:
        return f"{name}: there are no documents"
    if "tuned" in name and stock.tuned is None:
        return f"{name}: no tuned model was named"
    if name == "examples" and stock.examples is None:
        return f"{name}: no set of examples was named"
    return ""


def wanted(arms: Sequence[str] | None) -> tuple[str, ...]:
    """The arms to measure, in their usual order; doing nothing is always among them.

    Raises:
        BadRequest: an arm that there is not.
    """
    for name in arms or ():
        if name not in ARMS:
            raise BadRequest(f'no arm is called "{name}"{nearest(name, list(ARMS))}', param="arms")
    return tuple(name for name in ARMS if arms is None or name in arms or name == BASE)


def instructed(stock: Stock, instructions: str) -> Recipe:
    return replace(stock.plain, gather=(Stage("prompt", {"instructions": instructions}), stock.form))


def shown(stock: Stock, *, examples: str, count: int, choose: str) -> Recipe:
    return replace(
        stock.plain, gather=(stock.form, Stage("examples", {"set": examples, "count": count, "choose": choose}))
    )


def built(name: str, stock: Stock) -> Recipe:
    """An arm that needs no choice: base, knowledge, tuned, tuned+knowledge."""
    gather = [stock.form]
    if "knowledge" in name:
        gather.append(Stage("knowledge", {"collection": stock.knowledge, "top_k": stock.top_k}))
    adapter = stock.tuned.digest if "tuned" in name and stock.tuned is not None else None
    return replace(stock.plain, name=name, adapter=adapter, gather=tuple(gather))


def entry(name: str, recipe: Recipe, preparation: Preparation) -> Entry:
    return Entry(name, WHAT[name], recipe=body_of(recipe), preparation=preparation)


def tuning_cost(adapter: Artefact) -> Preparation:
    """What the adapter took, from its own record; its seconds are those of all cores that it used."""
    metrics = adapter.meta.get("metrics", {})
    seconds = metrics.get("seconds")
    rows = int(metrics.get("rows", 0))
    steps = int(metrics.get("steps", 0))
    return Preparation(
        cpu_s=metrics.get("cpu_seconds"), seconds=seconds, tries=1, labels=rows, note=f"{steps} steps over {rows} rows"
    )
