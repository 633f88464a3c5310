"""Where engines find their files: the bundled model copied into the workspace, local folders, adapters; all by hash."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from afina import plugins
from afina.config import BUNDLED, Config
from afina.contracts import Place
from afina.domain.artefact import Artefact, Kind
from afina.domain.ask import Scope
from afina.domain.progress import Progress, Tell, silent
from afina.errors import BrokenArtefact, NotFound
from afina.store import artefacts
from afina.store.db import Store


class Places:
    """The model files of one workspace. Every byte of a folder is checked before its first use in a process."""

    def __init__(self, store: Store, root: Path, scope: Scope, *, config: Config, cache: Path) -> None:
        self._store, self._root, self._scope, self._config, self._cache = store, root, scope, config, cache
        self._lock = threading.RLock()
        self._verified: dict[tuple[str, str], Path] = {}

    def of(self, engine: str, *, tell: Tell = silent) -> Place:
        """Where the files of an engine's model are. The bundled model, or a GGUF file, is first made into a base and
        the files that serve it, and copied into the workspace; a folder is used where it is.

        base: None for a model that the engine finds by itself (a name on the hub).

        Raises: NotFound, BrokenArtefact: the bundled model is not installed, or not what was pinned.
        BadRequest: a GGUF file that cannot be read faithfully.
        """
        model = self._config.model_of(engine)
        at = self._root / Path(model).expanduser()
        if model == BUNDLED or (at.suffix == ".gguf" and at.is_file()):
            base, serving = self._made(model, at, tell)
            return Place(base, serving, self.adapter, self._cache, model)
        return Place(at if at.is_dir() else None, None, self.adapter, self._cache, model)

    def is_local(self, engine: str) -> bool:
        """Whether the engine's model is in files that this workspace knows."""
        model = self._config.model_of(engine)
        return model == BUNDLED or (self._root / Path(model).expanduser()).exists()

    def remote(self) -> Place:
        """For engines that need no files."""
        return Place(None, None, self.adapter, self._cache)

    def adapter(self, digest: str) -> Path:
        """The folder of an adapter. Raises NotFound, BrokenArtefact."""
        return self._checked(artefacts.find(self._store, self._scope, "adapter", digest))

    def _checked(self, artefact: Artefact) -> Path:
        with self._lock:
            key = (artefact.kind, artefact.digest)
            if key not in self._verified:
                artefacts.verify(self._root, artefact)
                self._verified[key] = artefacts.folder_of(self._root, artefact)
            return self._verified[key]

    def _made(self, model: str, source: Path, tell: Tell) -> tuple[Path, Path]:
        """Folders (base, serving) of a model; made again if they are missing, damaged, or of an older file."""
        with self._lock:
            seen = {} if model == BUNDLED else {"size": source.stat().st_size, "mtime_ns": source.stat().st_mtime_ns}
            with suppress(NotFound):
                kept = self._kept(model, seen, tell)
                if kept is not None:
                    return kept
            if model == BUNDLED:
                made = plugins.load("engines.bases", "bundled").materialise_bundled(self._cache, tell=tell)
            else:
                made = plugins.load("engines.bases", "gguf").materialise(source, self._cache, tell=tell)
            base = self._keep("base", model, made.base, {"source": seen})
            serving = self._keep("serving", model, made.serving, {"base": base.digest, "engine": "openvino"})
            return self._checked(base), self._checked(serving)

    def _kept(self, model: str, seen: Mapping[str, int], tell: Tell) -> tuple[Path, Path] | None:
        """Raises NotFound; None if what is kept is of another source or damaged."""
        base = artefacts.find(self._store, self._scope, "base", model)
        serving = artefacts.find(self._store, self._scope, "serving", model)
        try:
            return (self._checked(base), self._checked(serving)) if base.meta.get("source", {}) == seen else None
        except BrokenArtefact as broken:
            tell(Progress("preparing the model", note=f"{broken}; it is made again"))
            return None

    def _keep(self, kind: Kind, model: str, folder: Path, about: Mapping[str, Any]) -> Artefact:
        return artefacts.put(self._store, self._root, self._scope, kind=kind, name=model, folder=folder, meta=about)

    def digest_of(self, kind: Kind, engine: str) -> str:
        """Digest of an engine's 'base' or 'serving' files, if they are kept here already; else ''. Nothing is read."""
        with suppress(NotFound):
            return artefacts.find(self._store, self._scope, kind, self._config.model_of(engine)).digest
        return ""
