"""A workspace: a folder with afina.toml, afina.db, artefacts/ and cache/. Opens and closes the parts; no behaviour.

Nothing in it names the folder's own place: moved, it works as before. What is opened is opened once per process and
shared by its threads. With a server running, engines are the server's: a second copy of a model is never loaded.
"""

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from afina import config as configs
from afina import parts, plugins
from afina.border import Portal
from afina.contracts import Answerer, Checker, Classifier, Embedder, Engine, EngineCard, Gather, Place, Retriever
from afina.domain.artefact import Kind, Recipe, Stage
from afina.domain.ask import Scope
from afina.domain.document import digest
from afina.domain.progress import Tell, silent
from afina.engines._attached import AttachedEngine
from afina.errors import ConfigError, NotFound
from afina.heads import linear
from afina.knowledge.cite import cite
from afina.mechanisms.admission import check_base, check_certificate
from afina.mechanisms.answer import answer_with
from afina.mechanisms.sharing import Shared
from afina.store import artefacts, certificates, meta
from afina.store.collections import Collections
from afina.store.db import Store, open_store
from afina.store.examples import Examples
from afina.store.models import OF_STUDIES, model_names, recipe_called
from afina.store.places import Places
from afina.store.running import elsewhere
from afina.trust.setup import setup_of

DATABASE = "afina.db"
GATHERS_KEPT = 64
INDEXES = Path("cache") / "index"
"""Hashed files that are rebuilt from the database when they are missing or damaged."""

DOCS = "docs"
"""The collection that is always there, if empty."""


class Workspace:
    """The parts of one folder, for one scope. Safe to share between threads; must be closed.

    It is what mechanisms are built from (`parts.Stock`). cache: the user's, for what any workspace may share.
    """

    require_certificate = True
    """Whether an adapter answers only with a certificate that holds; measuring one is the reason to turn it off."""

    def __init__(
        self,
        root: Path,
        config: configs.Config,
        store: Store,
        *,
        cache: Path,
        scope: Scope,
        engines: Mapping[str, Engine],
        embedders: Mapping[str, Embedder],
    ) -> None:
        self.root, self.config, self.store, self.cache, self.scope = root, config, store, cache, scope
        self.places = Places(store, root, scope, config=config, cache=cache)
        self._lock = threading.RLock()
        self._engines = dict(engines)
        self._embedders = dict(embedders)
        self._retrievers: dict[str, Retriever] = {}
        self._gathers: dict[str, Gather] = {}
        self._heads: dict[str, Classifier] = {}
        self._checker: Checker | None = None
        self._portal: Portal | None = None

    # --- engines and embedders ---

    def engine(self, name: str | None = None, *, tell: Tell = silent) -> Engine:
        """An engine of afina.toml by name, opened when first asked for; None is the workspace's own.

        Raises: ConfigError, MissingExtra, EngineError, BrokenArtefact.
        """
        name, used = self.config.engine(name)
        with self._lock:
            if name not in self._engines:
                self._engines[name] = self._opened(name, used, tell)
            return self._engines[name]

    @property
    def open_engines(self) -> Mapping[str, Engine]:
        """The engines that are open now, by name."""
        with self._lock:
            return dict(self._engines)

    def _opened(self, name: str, used: configs.Use, tell: Tell) -> Engine:
        server = elsewhere(self.root)
        if server is not None:
            return AttachedEngine(url=server.url, token=server.token, engine=name)
        module = plugins.load("engines", used.use)
        options = parts.engine_options(self.config, name, local=self.places.is_local(name))
        place = self.places.remote() if getattr(module, "REMOTE", False) else self.places.of(name, tell=tell)
        engine: Engine = module.build(options, place)
        return engine

    def embedder(self, name: str | None = None) -> Embedder:
        """The embedder of a collection (of 'docs' without a name), opened when first asked for."""
        used = self.config.collection(name or DOCS).embedder_used
        key = f"{used.use} {json.dumps(used.options, sort_keys=True)}"
        with self._lock:
            if used.use in self._embedders:
                return self._embedders[used.use]
            if key not in self._embedders:
                options = parts.embedder_options(self.config, name or DOCS)
                self._embedders[key] = plugins.load("knowledge.embedders", used.use).build(options, self.cache)
            return self._embedders[key]

    # --- knowledge ---

    @property
    def passages(self) -> Collections:
        """The stored collections."""
        return Collections(self.store)

    @property
    def demonstrations(self) -> Examples:
        """The stored sets of examples."""
        return Examples(self.store)

    def retriever(self, collection: str = DOCS, *, options: Mapping[str, Any] | None = None) -> Retriever:
        """Search over a collection; its index is built when first searched.

        options: of its retriever, in place of those of afina.toml. Raises ConfigError for one that it does not have.
        """
        used = self.config.collection(collection).retriever
        key = digest(collection, json.dumps(dict(options or {}), sort_keys=True))
        with self._lock:
            if key not in self._retrievers:
                self._retrievers[key] = plugins.load("knowledge.retrievers", used.use).build(
                    parts.retriever_options(self.config, collection, options),
                    passages=self.passages,
                    embedder=self.embedder(collection),
                    folder=self.root / INDEXES,
                    collection=collection,
                )
            return self._retrievers[key]

    def head(self, name: str) -> Classifier:
        """A fitted classifier by name or digest, its files checked when first read.

        Raises: NotFound, BrokenArtefact.
        """
        found = artefacts.find(self.store, self.scope, "head", name)
        with self._lock:
            if found.digest not in self._heads:
                artefacts.verify(self.root, found)
                self._heads[found.digest] = linear.load(artefacts.folder_of(self.root, found))
            return self._heads[found.digest]

    def place(self, engine: str | None = None, *, tell: Tell = silent) -> Place:
        """Where the files of an engine's model are; see store/places.py."""
        return self.places.of(self.config.engine(engine)[0], tell=tell)

    def adapter_folder(self, digest: str) -> Path:
        """The folder of an adapter, every byte checked once per process. Raises NotFound, BrokenArtefact."""
        return self.places.adapter(digest)

    def checker(self) -> Checker:
        """What decides whether a passage supports a sentence of an answer."""
        used = self.config.citations.checker
        with self._lock:
            if self._checker is None:
                self._checker = plugins.load("trust.checkers", used.use).build(parts.checker_options(self.config))
            return self._checker

    # --- recipes ---

    def recipe(self, name: str) -> Recipe:
        """What answers under a model name (see store/models.py). Raises NotFound with the nearest name."""
        return recipe_called(self.store, self.scope, self.config, name)

    def recipes(self) -> list[Recipe]:
        """What a request may name as its model; the name is that name. Aliases of nothing are left out, and so is what
        studies made for themselves (their seeds), though it answers."""
        names = [name for name in self.model_names() if not name.startswith(OF_STUDIES)]
        found = [(name, self._composed(name)) for name in names]
        return [replace(recipe, name=name) for name, recipe in found if recipe is not None]

    def model_names(self) -> list[str]:
        return model_names(self.store, self.scope, self.config)

    def check(self, recipe: Recipe) -> None:
        """Raises ConfigError for an unknown key or name, or a circle, anywhere in a recipe."""
        known = self.known()
        parts.check_recipe(recipe, {**known, "recipe": [*known["recipe"], recipe.name]})
        parts.check_circles(recipe.name, lambda name: recipe if name == recipe.name else self._composed(name))

    def _composed(self, name: str) -> Recipe | None:
        with suppress(NotFound):
            return self.recipe(name)
        return None

    def known(self) -> parts.Known:
        """All names that a recipe may use."""
        return {
            "engine": self.config.engine_names,
            "adapter": self._called("adapter"),
            "head": self._called("head"),
            "recipe": [*self.model_names(), *self.config.engine_names],
            "collection": sorted({DOCS, *self.config.collections, *self.passages.names(self.scope)}),
            "examples": self.demonstrations.names(self.scope),
        }

    def _called(self, kind: Kind) -> list[str]:
        """Names and digests of the artefacts of a kind."""
        found = artefacts.all_of(self.store, self.scope, kind)
        return [part for name, artefact in found for part in (name, artefact.digest)]

    def answerer(self, recipe: Recipe | str, *, shared: Shared | None = None) -> Answerer:
        """What answers as a recipe says; all names in it are checked first. shared: runs what recipes have in common
        once for a request.

        Raises: ConfigError, NotFound, and what opening its engine raises.
        """
        recipe = self.recipe(recipe) if isinstance(recipe, str) else recipe
        self.check(recipe)
        engine = self.engine(recipe.engine)
        adapter = self._admitted(recipe, engine.card)
        gather = [
            self._gather(stage, where=parts.place_of(recipe.name, "gather", number, stage), shared=shared)
            for number, stage in enumerate(recipe.gather, start=1)
        ]
        plain = answer_with(engine, gather=gather, cite=partial(cite, checker=self.checker()))
        answer = parts.settled(plain, adapter=adapter, sampling=recipe.sampling)
        for number, stage in enumerate(recipe.control, start=1):
            where = parts.place_of(recipe.name, "control", number, stage)
            answer = parts.control_of(stage, self, where=where)(answer)
        return answer

    def _gather(self, stage: Stage, *, where: str, shared: Shared | None) -> Gather:
        """A gather stage, built once for its options and the examples that it names (embedding those takes time)."""
        sets = [name for to, name in parts.named_by("gather", stage, where=where) if to == "examples"]
        shown = [e.digest for name in sets for e in self.demonstrations.examples(self.scope, name)]
        key = digest(stage.digest, *shown)
        with self._lock:
            if key not in self._gathers:
                while len(self._gathers) >= GATHERS_KEPT:
                    self._gathers.pop(next(iter(self._gathers)))
                self._gathers[key] = parts.gather_of(stage, self, where=where)
            return shared.stage(self._gathers[key], key) if shared else self._gathers[key]

    def _admitted(self, recipe: Recipe, card: EngineCard) -> str | None:
        """Digest of a recipe's adapter. Raises Conflict, NotCertified if it may not answer on this engine."""
        adapter = recipe.adapter and artefacts.find(self.store, self.scope, "adapter", recipe.adapter)
        check_base(recipe, adapter or None, card)
        if self.require_certificate and card.base:
            name, used = self.config.engine(recipe.engine)
            setup = setup_of(use=card.engine, options=used.options, serving=self.places.digest_of("serving", name))
            artefact = adapter.digest if adapter else card.base
            found = certificates.load(self.store, self.root, artefact=artefact, engine=card.engine, setup=setup)
            check_certificate(recipe, found, setup=setup, adapter=bool(adapter))
        return adapter.digest if adapter else None

    # --- the end ---

    @property
    def portal(self) -> Portal:
        """The event loop for sync callers; made when first needed, ended with the workspace."""
        with self._lock:
            if self._portal is None:
                self._portal = Portal()
            return self._portal

    def close(self) -> None:
        """End the engines, seal and close the database. Must not be called from an event loop."""
        with self._lock:
            for engine in self._engines.values():
                self.portal.run(engine.close())
            self._engines.clear()
            if self._portal is not None:
                self._portal.close()
                self._portal = None
            self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def open_workspace(
    path: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    engines: Mapping[str, Engine] | None = None,
    embedders: Mapping[str, Embedder] | None = None,
    scope: Scope | None = None,
) -> Workspace:
    """Open a folder that `initialise` made (or that has an afina.toml); must be closed.

    environ: overrides of afina.toml and AFINA_CACHE, read now and never again.
    engines, embedders: opened elsewhere, by the name that afina.toml uses for them; they take its place.

    Raises:
        ConfigError: not a workspace, or afina.toml is wrong.
        StoreError: the database is newer than this Afina, or broken.
    """
    root = path.resolve()
    if not (root / configs.FILE).is_file() and not (root / DATABASE).is_file():
        raise ConfigError(f"{path} is not a workspace (it has no {configs.FILE}); make one with: afina init {path}")
    config = configs.load(root / configs.FILE, environ)
    store = open_store(root / DATABASE)
    _accept(store, root / configs.FILE)
    return Workspace(
        root,
        config,
        store,
        cache=configs.cache_folder(environ),
        scope=scope or Scope(),
        engines=engines or {},
        embedders=embedders or {},
    )


def _accept(store: Store, file: Path) -> None:
    """Take an edit of afina.toml, now that it was read without error, for what a person meant.

    Bytes that changed while the file's time did not were not written by anyone: `afina doctor` shall see those.
    """
    if not file.is_file():
        return
    now = meta.config_now(file)
    said = meta.accepted_config(store)
    if said is None or said.mtime_ns != now.mtime_ns:
        meta.accept_config(store, now)
