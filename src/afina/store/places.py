"""Where engines find their files: the bundled model copied into the workspace, local folders, adapters; all by hash."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

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
        """Where the files of an engine's model are; the bundled ones are copied into the workspace first.

        base: None for a model that the engine finds by itself (a name on the hub).

        Raises: NotFound, BrokenArtefact: the bundled model is not installed, or not what was pinned.
        """
        model = self._config.model_of(engine)
        if model == BUNDLED:
            base, serving = self._bundled(tell)
            return Place(base, serving, self.adapter, self._cache, model)
        folder = self._root / Path(model).expanduser()
        return Place(folder if folder.is_dir() else None, None, self.adapter, self._cache, model)

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

    def _bundled(self, tell: Tell) -> tuple[Path, Path]:
        """Folders (base, serving) of the bundled model; made again if they are missing or damaged."""
        with self._lock:
            try:
                base = artefacts.find(self._store, self._scope, "base", BUNDLED)
                serving = artefacts.find(self._store, self._scope, "serving", BUNDLED)
                return self._checked(base), self._checked(serving)
            except NotFound:
                pass
            except BrokenArtefact as broken:
                tell(Progress("preparing the model", note=f"{broken}; it is made again"))
            made = plugins.load("engines.bases", "bundled").materialise_bundled(self._cache, tell=tell)
            base = self._keep("base", made.base, {})
            serving = self._keep("serving", made.serving, {"base": base.digest, "engine": "openvino"})
            return self._checked(base), self._checked(serving)

    def _keep(self, kind: Kind, folder: Path, about: Mapping[str, str]) -> Artefact:
        return artefacts.put(self._store, self._root, self._scope, kind=kind, name=BUNDLED, folder=folder, meta=about)

    def digest_of(self, kind: Kind, engine: str) -> str:
        """Digest of an engine's 'base' or 'serving' files, if they are kept here already; else ''. Nothing is read."""
        with suppress(NotFound):
            return artefacts.find(self._store, self._scope, kind, self._config.model_of(engine)).digest
        return ""
