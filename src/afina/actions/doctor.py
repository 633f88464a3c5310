"""Look over a workspace: every byte of every kind of file, versions, and which engine serves what. Repairs nothing.

Covered: afina.toml (against the text last accepted), afina.db with its log and seal, every artefact, every
certificate, every file below cache/, server.json. Not covered: the scratch memory of SQLite (afina.db-shm, rebuilt
when opened), files that no part of Afina wrote, and, while the database is in use, its free space.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from afina import config as configs
from afina import parts
from afina.actions.ingest import split_options
from afina.domain.artefact import Recipe
from afina.domain.ask import Scope
from afina.domain.progress import Progress, Tell, silent
from afina.errors import BrokenArtefact, ConfigError, StoreError, UsageError
from afina.store import artefacts, certificates, meta, running
from afina.store.checks import database_problems, is_sealed
from afina.store.db import Store, open_store, sqlite
from afina.store.manifests import manifest_problems
from afina.trust.setup import refusal, setup_of
from afina.workspace import DATABASE, Workspace

FLOORS = {
    "torch": "2.10",
    "transformers": "5.3.0",
    "openvino": "2026.4",
    "openvino-genai": "2026.4",
    "peft": "0.18",
    "safetensors": "0.6",
    "fastapi": "0.160",
    "pydantic": "2.12",
    "httpx2": "2.10",
    "jinja2": "3.1.6",
    "numpy": "2.2",
}
"""Older versions have known holes (torch, transformers: CVE-2026-24747, -4372, -1839) or were never tried."""

SQLITE_FLOOR = "3.51.3"


@dataclass(frozen=True, slots=True)
class Stored:
    """What opening the database told."""

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    served: "tuple[Served, ...]" = ()
    files: int = 0


@dataclass(frozen=True, slots=True)
class Version:
    """found '': not installed, which is no fault of an optional package."""

    name: str
    found: str
    floor: str

    @property
    def holds(self) -> bool:
        return not self.found or _numbers(self.found) >= _numbers(self.floor)


@dataclass(frozen=True, slots=True)
class Served:
    """A model name and what answers under it. base: digest of its files, '' until they are made, or if remote.

    certificate: 'holds', 'none yet' (also for what is elsewhere), or why it does not hold.
    """

    model: str
    engine: str
    use: str
    base: str
    adapter: str | None
    certificate: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """problems: 'file: what', each a reason to stop. notes: worth knowing, no reason to stop.

    checked: how many of each kind were read whole.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    versions: tuple[Version, ...]
    served: tuple[Served, ...]
    checked: Mapping[str, int]

    @property
    def sound(self) -> bool:
        return not self.problems and all(v.holds for v in self.versions)


def examine(root: Path, *, environ: Mapping[str, str], tell: Tell = silent) -> Diagnosis:
    """Everything that can be told about a workspace; takes the time of reading all its bytes once.

    Raises:
        ConfigError: the folder is no workspace.
    """
    if not (root / configs.FILE).exists() and not (root / DATABASE).exists():
        raise ConfigError(f"{root} is not a workspace (it has no {configs.FILE}); make one with: afina init {root}")
    tell(Progress("checking", 0, 3, "parts"))
    problems, notes = database_problems(root / DATABASE), []
    if not is_sealed(root / DATABASE):
        notes.append(f"{DATABASE} is open elsewhere or was not closed: its rows were checked, its free space was not")
    tell(Progress("checking", 1, 3, "parts"))
    config, faults = _config(root, environ)
    readable = not any(problem.startswith((f"{DATABASE}-wal", f"{DATABASE}: missing")) for problem in problems)
    about = _about_stored(root, config) if readable else Stored()
    tell(Progress("checking", 2, 3, "parts"))
    problems += [*faults, *about.problems, *_cache_problems(root), *filter(None, [running.problem(root)])]
    tell(Progress("checking", 3, 3, "parts"))
    checked = {"settings": 1, "databases": 1, "files of artefacts": about.files, "folders of cache": len(_cached(root))}
    every = tuple(dict.fromkeys(problems))
    return Diagnosis(every, (*notes, *about.notes), versions(), about.served, checked)


def accept(root: Path, *, environ: Mapping[str, str]) -> None:
    """Take afina.toml as it is now for what was meant.

    Raises:
        ConfigError: it cannot be used as it is.
    """
    configs.load(root / configs.FILE, environ)
    store = open_store(root / DATABASE)
    try:
        meta.accept_config(store, meta.config_now(root / configs.FILE))
    finally:
        store.close()


def versions() -> tuple[Version, ...]:
    """What is installed against the oldest that is safe and tried."""
    found = [Version(name, _installed(name), floor) for name, floor in FLOORS.items()]
    return (Version("sqlite", sqlite.sqlite_version, SQLITE_FLOOR), *found)


@cache
def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _numbers(text: str) -> tuple[int, ...]:
    """'2.13.0+cpu' -> (2, 13, 0)."""
    return tuple(int(part) for part in re.findall(r"\d+", text.split("+", maxsplit=1)[0]))


def _config(root: Path, environ: Mapping[str, str]) -> tuple[configs.Config, list[str]]:
    """The settings, or the defaults where they cannot be read, and what is wrong with them."""
    if not (root / configs.FILE).exists():
        return configs.Config(), [f"{configs.FILE}: missing"]
    try:
        return configs.load(root / configs.FILE, environ), []
    except ConfigError as error:
        return configs.Config(), [f"{configs.FILE}: {error}"]


def _about_stored(root: Path, config: configs.Config) -> Stored:
    """What the database says about the other files, against those files."""
    store = Store(root / DATABASE)
    try:
        kept = artefacts.every(store)
        problems = [*_edit_problems(store, root), *(p for kind in kept for p in artefacts.problems(root, kind))]
        loose = [folder.relative_to(root) for folder in artefacts.unrecorded(store, root)]
        notes = [f"{folder}: no row names it; left by a crash, safe to remove" for folder in loose]
        ws = Workspace(root, config, store, cache=root, scope=Scope(), engines={}, embedders={})
        problems += [*certificates.problems(store, root), *_option_problems(ws), *_recipe_problems(ws)]
        return Stored(tuple(problems), tuple(notes), _served(ws), sum(len(artefact.files) for artefact in kept))
    except StoreError as error:
        return Stored((f"{DATABASE}: {error}",))
    finally:
        store.close(seal=False)


def _edit_problems(store: Store, root: Path) -> list[str]:
    """Lines of afina.toml that differ from the text that was last accepted."""
    said = meta.accepted_config(store)
    file = root / configs.FILE
    if said is None or not file.exists():
        return []
    now = file.read_bytes().decode(errors="backslashreplace")
    if now == said.text:
        return []
    changes = [line for line in difflib.ndiff(said.text.splitlines(), now.splitlines()) if line[0] in "+-"]
    shown = " | ".join(changes[:4]) or "line ends"
    return [f"{configs.FILE}: changed since it was last used ({shown}); if you did that: afina doctor --accept"]


def _recipe_problems(ws: Workspace) -> Iterator[str]:
    """Recipes that would be refused when asked for."""
    for name in ws.model_names():
        try:
            ws.check(ws.recipe(name))
        except UsageError as error:
            yield f"{configs.FILE if name in ws.config.recipes else DATABASE}: {error}"


def _option_problems(ws: Workspace) -> Iterator[str]:
    """Options of engines and collections that their backends would refuse."""
    checks: list[Callable[[], object]] = [partial(parts.checker_options, ws.config)]
    for name in ws.config.engines:
        checks.append(partial(parts.engine_options, ws.config, name, local=ws.places.is_local(name)))
    for name in ws.config.collections:
        checks.append(partial(parts.embedder_options, ws.config, name))
        checks.append(partial(parts.retriever_options, ws.config, name))
        checks.append(partial(split_options, ws, name))
    for check in checks:
        try:
            check()
        except UsageError as error:
            yield str(error) if str(error).startswith(configs.FILE) else f"{configs.FILE}: {error}"


def _served(ws: Workspace) -> tuple[Served, ...]:
    found = []
    for name in ws.model_names():
        with suppress(UsageError):
            recipe = ws.recipe(name)
            engine, used = ws.config.engine(recipe.engine)
            base = ws.places.digest_of("base", engine)
            holds = _certificate(ws, recipe, base) if base or recipe.adapter else "none yet"
            found.append(Served(name, engine, used.use, base, recipe.adapter, holds))
    return tuple(found)


def _certificate(ws: Workspace, recipe: Recipe, base: str) -> str:
    """Whether the certificate of what an engine serves holds, or why not."""
    engine, used = ws.config.engine(recipe.engine)
    adapter = recipe.adapter and artefacts.find(ws.store, ws.scope, "adapter", recipe.adapter).digest
    setup = setup_of(use=used.use, options=used.options, serving=ws.places.digest_of("serving", engine))
    try:
        found = certificates.load(ws.store, ws.root, artefact=adapter or base, engine=used.use, setup=setup)
    except BrokenArtefact as broken:
        return str(broken)
    if found is None:
        return "none yet"
    return refusal(found, setup=setup, name=recipe.name, engine=engine) or "holds"


def _cached(root: Path) -> list[Path]:
    """Folders below cache/ that hold files, but not those being made, whose names begin with a dot."""
    folders = {file.parent.relative_to(root) for file in (root / "cache").rglob("*") if file.is_file()}
    return sorted(root / folder for folder in folders if not any(part.startswith(".") for part in folder.parts))


def _cache_problems(root: Path) -> Iterator[str]:
    """Files below cache/ against the manifests of their folders; a damaged one is rebuilt when next used."""
    for folder in _cached(root):
        yield from (f"{problem}; it is rebuilt when next used" for problem in manifest_problems(root, folder))
