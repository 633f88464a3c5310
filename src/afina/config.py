"""afina.toml and the environment as small frozen values, parsed once at the edge.

Every section may be absent: an empty file serves the bundled model. A key that nobody reads is an error that names
the nearest right key and the line. Options of backends (engines, embedders, mechanisms) are validated by them.

Environment: AFINA__SECTION__KEY=value overrides a value of the file ('AFINA__SERVE__PORT=9000'); names in capitals
stand for the same names in lower case; the value is read as TOML if it is TOML, else as text.
"""

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from afina.domain.artefact import Recipe, Stage
from afina.errors import ConfigError, nearest

FILE = "afina.toml"
LOCAL = "local"
BUNDLED = "bundled-135m"
PREFIX = "AFINA__"


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Use(BaseModel):
    """A backend by name, and its own options beside it."""

    model_config = ConfigDict(frozen=True, extra="allow")
    use: str

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class WorkspaceSection(Section):
    """engine: the one that recipes without an engine use."""

    name: str = ""
    engine: str = LOCAL


class CollectionSection(Section):
    """embedder: a name, or a table {use=..., ...}. split: options of splitting. retriever: a table {use=..., ...}."""

    embedder: str | Use = "minilm"
    split: dict[str, Any] = Field(default_factory=dict)
    retriever: Use = Use(use="hybrid")

    @property
    def embedder_used(self) -> Use:
        return Use(use=self.embedder) if isinstance(self.embedder, str) else self.embedder


class RecipeSection(Section):
    """engine '': that of the workspace."""

    engine: str = ""
    adapter: str | None = None
    gather: tuple[Use, ...] = ()
    control: tuple[Use, ...] = ()
    sampling: dict[str, Any] = Field(default_factory=dict)


class ServeSection(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)


class CitationsSection(Section):
    """checker: what decides whether a passage supports a sentence; a table {use=..., ...}."""

    checker: Use = Use(use="overlap")


class CostsSection(Section):
    """What turns counts into the money, energy and carbon of a report; what is left out keeps the report's default.

    watts_per_core: assumed where no counter can be read. grid_g_per_kwh: grams of CO2e. amortised_over: answers that
    share the cost of a preparation. cpu_hour_price: money for an hour of one core. currency: of all prices, as shown.
    """

    watts_per_core: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    grid_g_per_kwh: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    amortised_over: int | None = Field(default=None, gt=0)
    cpu_hour_price: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    currency: str = Field(default="", pattern=r"^\S{0,8}$")

    @property
    def rates(self) -> dict[str, Any]:
        """Those that are set, by the names of the report's rates."""
        return self.model_dump(exclude={"currency"}, exclude_none=True)


class Config(Section):
    """One workspace's settings."""

    workspace: WorkspaceSection = WorkspaceSection()
    engines: dict[str, Use] = Field(default_factory=dict)
    collections: dict[str, CollectionSection] = Field(default_factory=dict)
    recipes: dict[str, RecipeSection] = Field(default_factory=dict)
    citations: CitationsSection = CitationsSection()
    costs: CostsSection = CostsSection()
    serve: ServeSection = ServeSection()

    def engine(self, name: str | None = None) -> tuple[str, Use]:
        """(name, what it uses); None is the workspace's own. Raises ConfigError with the nearest name."""
        name = name or self.workspace.engine
        if name not in self.engine_names:
            raise ConfigError(f'no engine is called "{name}"{nearest(name, self.engine_names)}')
        return name, self.engines.get(name) or Use(use="openvino")

    @property
    def engine_names(self) -> list[str]:
        return sorted({LOCAL, *self.engines})

    def model_of(self, engine: str) -> str:
        """What users call the base of an engine."""
        return str(self.engine(engine)[1].options.get("model", BUNDLED))

    @property
    def default_model(self) -> str:
        """What answers when nobody names a model: the first recipe, else the base of the workspace's engine."""
        return next(iter(self.recipes), None) or self.model_of(self.workspace.engine)

    def collection(self, name: str) -> CollectionSection:
        return self.collections.get(name, CollectionSection())

    def recipe(self, name: str) -> Recipe | None:
        section = self.recipes.get(name)
        if section is None:
            return None
        return Recipe(
            name=name,
            engine=section.engine or self.workspace.engine,
            adapter=section.adapter,
            gather=tuple(Stage(s.use, s.options) for s in section.gather),
            control=tuple(Stage(s.use, s.options) for s in section.control),
            sampling=section.sampling,
        )


def load(path: Path, environ: Mapping[str, str] | None = None) -> Config:
    """The settings of a file (none if it is not there), with the environment's on top.

    Raises:
        ConfigError: not TOML, an unknown key, an impossible value; says where.
    """
    try:
        text = path.read_bytes().decode() if path.exists() else ""
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name}: byte {error.start} is not UTF-8") from error
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not TOML: {error}") from error
    places = _override(tree, environ or {})
    try:
        config = Config.model_validate(tree)
    except ValidationError as invalid:
        raise _config_error(invalid, path.name, text, places) from invalid
    config.engine()
    return config


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where what any workspace may share is kept: AFINA_CACHE, else the platform's folder for caches."""
    if environ.get("AFINA_CACHE"):
        return Path(environ["AFINA_CACHE"]).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "afina"
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA", Path.home())) / "afina" / "cache"
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "afina"


def _override(tree: dict[str, Any], environ: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Put the environment's values into the tree; returns which path came from which variable."""
    places = {}
    for variable in sorted(v for v in environ if v.startswith(PREFIX)):
        path = tuple(variable.removeprefix(PREFIX).lower().split("__"))
        at = tree
        for part in path[:-1]:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                raise ConfigError(f'environment variable {variable}: "{part}" has no parts')
        at[path[-1]] = _value(environ[variable])
        places[path] = variable
    return places


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text


def _config_error(invalid: ValidationError, file: str, text: str, places: Mapping[tuple[str, ...], str]) -> ConfigError:
    fault = invalid.errors(include_url=False)[0]
    path = tuple(part for part in fault["loc"] if part not in ("str", "Use"))
    variable = next((v for p, v in places.items() if path[: len(p)] == p), None)
    written = path[:-1] if fault["type"] == "missing" else path
    where = f"environment variable {variable}" if variable else f"{file}, line {line_of(text, written)}"
    key = str(path[-1])
    section = f"[{'.'.join(map(str, path[:-1]))}]" if len(path) > 1 else "the file"
    if fault["type"] == "extra_forbidden":
        return ConfigError(f'{where}: "{key}" is not a key of {section}{nearest(key, _keys_at(path[:-1]))}')
    if fault["type"] == "missing":
        return ConfigError(f'{where}: {section} must have "{key}"')
    rule = f"{fault['msg'][:1].lower()}{fault['msg'][1:]}"
    return ConfigError(f'{where}: "{key}" of {section} is {fault["input"]!r}: {rule}')


def _keys_at(path: tuple[int | str, ...]) -> list[str]:
    """Names of the keys that a section has."""
    if not path:
        return list(Config.model_fields)
    sections: dict[str, type[BaseModel]] = {
        "workspace": WorkspaceSection,
        "collections": CollectionSection,
        "recipes": RecipeSection,
        "citations": CitationsSection,
        "costs": CostsSection,
        "serve": ServeSection,
    }
    section = sections.get(str(path[0]))
    return list(section.model_fields) if section else []


def line_of(text: str, path: tuple[int | str, ...]) -> int:
    """Line, from 1, where a path of keys stands in a TOML text; that of its nearest parent if it is not found."""
    names = [part for part in path if isinstance(part, str)]
    table: list[str] = []
    best, depth = 1, 0
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\[?([^\[\]]+)\]\]?\s*(#.*)?$", line)
        if header:
            table = _dotted(header[1])
        here = table + ([] if header else _dotted((re.match(r"\s*([^=#]+?)\s*=", line) or ["", ""])[1]))
        shared = len(_shared(here, names))
        if shared == min(len(here), len(names)) and shared > depth:
            best, depth = number, shared
        elif depth and depth < len(names) and table == names[: len(table)] and _says(line, names[-1]):
            return number
    return best


def _dotted(key: str) -> list[str]:
    return [part.strip().strip("\"'") for part in key.split(".")] if key else []


def _shared(one: list[str], other: list[str]) -> list[str]:
    end = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:end]


def _says(line: str, key: str) -> bool:
    return bool(re.search(rf"(?<![\w-]){re.escape(key)}\s*=", line.partition("#")[0]))
