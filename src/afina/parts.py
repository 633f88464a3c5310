"""Build what a recipe names, once; refuse unknown keys, unknown names and circles with the nearest right name.

A mechanism's `Options` mark the fields that name something else (`set: ExamplesName`), so that names are checked,
and circles found, before anything is built.
"""

import dataclasses
import json
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, TypeAdapter, ValidationError

from afina import plugins
from afina.config import FILE, Config
from afina.contracts import Answerer, Classifier, Control, Demonstrations, Embedder, Gather, Retriever
from afina.domain.answer import Piece
from afina.domain.artefact import Recipe, Stage
from afina.domain.ask import Ask, Sampling, Scope
from afina.errors import ConfigError, nearest

Referred = Literal["recipe", "collection", "examples", "engine", "adapter", "head"]


@dataclass(frozen=True, slots=True)
class Refers:
    """Marks an option whose value is the name of something."""

    to: Referred


RecipeName = Annotated[str, Refers("recipe")]
CollectionName = Annotated[str, Refers("collection")]
ExamplesName = Annotated[str, Refers("examples")]
HeadName = Annotated[str, Refers("head")]


class Stock(Protocol):
    """What mechanisms are built from; a workspace gives it."""

    @property
    def scope(self) -> Scope: ...

    @property
    def demonstrations(self) -> Demonstrations: ...

    def retriever(self, collection: str, *, options: Mapping[str, Any] | None = None) -> Retriever:
        """options: of the collection's retriever, in place of those that afina.toml gives it."""
        ...

    def embedder(self) -> Embedder: ...

    def head(self, name: str) -> Classifier:
        """A fitted classifier by name or digest; raises NotFound, BrokenArtefact."""
        ...

    def answerer(self, recipe: str) -> Answerer:
        """Another recipe (or model name) as an Answerer; raises NotFound."""
        ...


LIMITS: Mapping[str, tuple[float, float]] = {
    "max_tokens": (1, math.inf),
    "temperature": (0, 2),
    "top_p": (0.0001, 1),
    "n": (1, 128),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "top_logprobs": (0, 20),
}
"""The least and the most that a recipe's `sampling` may say: what OpenAI's API lets a request say."""

_SAMPLING = TypeAdapter(Sampling)

Known = Mapping[Referred, Sequence[str]]
"""The names there are, by what they name. What is absent from the mapping is not checked."""


def options_of(kind: str, use: str, given: Mapping[str, Any], *, where: str) -> BaseModel:
    """The options of a backend, validated by the backend itself.

    Raises:
        ConfigError: no such backend, an unknown key, an impossible value; begins with `where`.
    """
    try:
        model: type[BaseModel] = plugins.load(kind, use).Options
    except ConfigError as unknown:
        raise ConfigError(f"{where}: {unknown}") from unknown
    try:
        return model.model_validate(dict(given))
    except ValidationError as invalid:
        raise ConfigError(f"{where}: {first_fault(invalid, list(model.model_fields))}") from invalid


def first_fault(invalid: ValidationError, names: Sequence[str]) -> str:
    """One line on the first error of a validation: the key, the rule, the nearest right key."""
    fault = invalid.errors(include_url=False)[0]
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f'"{key}" is not a key here{nearest(key, list(names))}'
    if fault["type"] == "missing":
        return f'"{key}" must be given'
    return f'"{key}" is {fault["input"]!r}: {fault["msg"][:1].lower()}{fault["msg"][1:]}'


def engine_options(config: Config, name: str, *, local: bool) -> BaseModel:
    """Options of an engine of afina.toml. local: its model is in files here, so `model` is no option of the backend."""
    name, used = config.engine(name)
    local = local and not getattr(plugins.load("engines", used.use), "REMOTE", False)
    given = {key: value for key, value in used.options.items() if not (local and key == "model")}
    return options_of("engines", used.use, given, where=f"{FILE}, [engines.{name}]")


def embedder_options(config: Config, collection: str) -> BaseModel:
    used = config.collection(collection).embedder_used
    return options_of(
        "knowledge.embedders", used.use, used.options, where=f"{FILE}, [collections.{collection}], embedder"
    )


def retriever_options(config: Config, collection: str, given: Mapping[str, Any] | None = None) -> BaseModel:
    """given: options in place of those of afina.toml."""
    used = config.collection(collection).retriever
    where = f"{FILE}, [collections.{collection}], retriever"
    return options_of("knowledge.retrievers", used.use, {**used.options, **(given or {})}, where=where)


def checker_options(config: Config) -> BaseModel:
    used = config.citations.checker
    return options_of("trust.checkers", used.use, used.options, where=f"{FILE}, [citations], checker")


def gather_of(stage: Stage, stock: Stock, *, where: str) -> Gather:
    options = options_of("mechanisms.gather", stage.use, stage.options, where=where)
    built: Gather = plugins.load("mechanisms.gather", stage.use).build(options, stock)
    return built


def control_of(stage: Stage, stock: Stock, *, where: str) -> Control:
    options = options_of("mechanisms.control", stage.use, stage.options, where=where)
    built: Control = plugins.load("mechanisms.control", stage.use).build(options, stock)
    return built


def settled(answerer: Answerer, *, adapter: str | None, sampling: Mapping[str, Any]) -> Answerer:
    """`answerer` with a recipe's adapter, and its sampling where the client set nothing (see `Ask.given`).

    sampling: names and values of `Sampling` fields as a recipe writes them; see `sampling_set`.

    Raises:
        ConfigError: a name or a value that `check_recipe` refuses too.
    """
    plain = Sampling()
    wanted = sampling_set(sampling, where="sampling")

    def answer(ask: Ask, /) -> AsyncIterator[Piece]:
        open_to = [n for n in wanted if n not in ask.given and getattr(ask.sampling, n) == getattr(plain, n)]
        fill: dict[str, Any] = {name: wanted[name] for name in open_to}
        mixed = dataclasses.replace(ask.sampling, **fill)
        return answerer(dataclasses.replace(ask, adapter=ask.adapter or adapter, sampling=mixed))

    return answer


def sampling_set(sampling: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """What a recipe's `sampling` sets, as the types of `Sampling`: one stop sequence may be written without a list.

    Types are strict: "256" is no number, but TOML's and JSON's lists are tuples, and their keys token ids.

    Raises:
        ConfigError: an unknown name, a value of another type or beyond LIMITS; begins with `where`.
    """
    fields = [f.name for f in dataclasses.fields(Sampling)]
    for name in sampling:
        if name not in fields:
            raise ConfigError(f'{where}: "{name}" is not a key here{nearest(name, fields)}')
    stop = sampling.get("stop")
    written = {**sampling, "stop": [stop]} if isinstance(stop, str) else sampling
    try:
        checked = _SAMPLING.validate_json(json.dumps(dict(written), default=str), strict=True)
    except ValidationError as invalid:
        raise ConfigError(f"{where}: {first_fault(invalid, fields)}") from invalid
    found = {name: getattr(checked, name) for name in sampling}
    for name, (least, most) in LIMITS.items():
        value = found.get(name)
        if value is not None and not least <= value <= most:
            raise ConfigError(f'{where}: "{name}" is {value}: it may be from {least} to {most}')
    return found


def check_recipe(recipe: Recipe, known: Known) -> None:
    """Every key, backend, name and sampling value of one recipe.

    Raises:
        ConfigError: names the recipe, the stage, the value and the nearest right thing.
    """
    here = f'recipe "{recipe.name}"'
    _check_name("engine", recipe.engine, known, f"{here}, engine")
    if recipe.adapter is not None:
        _check_name("adapter", recipe.adapter, known, f"{here}, adapter")
    sampling_set(recipe.sampling, where=f"{here}, sampling")
    for to, name, where in references(recipe):
        _check_name(to, name, known, where)


def references(recipe: Recipe) -> Iterator[tuple[Referred, str, str]]:
    """(to what, its name, where it stands) for every name in the stages; validates their options on the way."""
    for kind, stages in (("gather", recipe.gather), ("control", recipe.control)):
        for number, stage in enumerate(stages, start=1):
            where = place_of(recipe.name, kind, number, stage)
            options = options_of(f"mechanisms.{kind}", stage.use, stage.options, where=where)
            yield from _marked(options, where)


def named_by(kind: str, stage: Stage, *, where: str) -> list[tuple[Referred, str]]:
    """(to what, its name) for every name in one stage of 'gather' or 'control'."""
    options = options_of(f"mechanisms.{kind}", stage.use, stage.options, where=where)
    return [(to, name) for to, name, _ in _marked(options, where)]


def place_of(recipe: str, kind: str, number: int, stage: Stage) -> str:
    return f'recipe "{recipe}", {kind} stage {number} ({stage.use})'


def check_circles(name: str, recipe_of: Callable[[str], Recipe | None]) -> None:
    """Follow the recipes that a recipe names, by any depth.

    recipe_of: name -> recipe; None for names that need no recipe (models, adapters).

    Raises:
        ConfigError: a recipe reaches itself; shows the way round.
    """

    def follow(at: str, path: tuple[str, ...]) -> None:
        if at in path:
            round_trip = " -> ".join((*path[path.index(at) :], at))
            raise ConfigError(f'recipe "{at}" leads back to itself: {round_trip}')
        recipe = recipe_of(at)
        if recipe is None:
            return
        for to, target, _ in references(recipe):
            if to == "recipe":
                follow(target, (*path, at))

    follow(name, ())


def _marked(options: BaseModel, where: str) -> Iterator[tuple[Referred, str, str]]:
    for field, info in type(options).model_fields.items():
        value = getattr(options, field)
        for mark in info.metadata:
            if isinstance(mark, Refers) and value is not None:
                for name in [value] if isinstance(value, str) else value:
                    yield mark.to, name, f"{where}, {field}"


def _check_name(to: Referred, name: str, known: Known, where: str) -> None:
    if to in known and name not in known[to]:
        what = "set of examples" if to == "examples" else to
        raise ConfigError(f'{where}: no {what} is called "{name}"{nearest(name, list(known[to]))}')
