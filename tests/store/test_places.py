"""Places: the model's files are copied in by hash, made again when damaged, and follow their source."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from afina import plugins
from afina.config import Config, Use
from afina.domain.artefact import artefact_digest
from afina.domain.ask import Scope
from afina.domain.progress import Progress
from afina.engines.bases._folder import Bases
from afina.errors import NotFound
from afina.store import artefacts
from afina.store.db import Store, open_store
from afina.store.durable import sha256_of
from afina.store.places import Places


@dataclass
class Maker:
    """Stands in for the long work: 'materialises' whatever the source says, and counts."""

    folder: Path
    made: list[str] = field(default_factory=list)

    def materialise_bundled(self, cache: Path, *, tell: object) -> Bases:
        return self._make("bundled")

    def materialise(self, gguf: Path, cache: Path, *, tell: object) -> Bases:
        return self._make(gguf.read_text())

    def _make(self, what: str) -> Bases:
        self.made.append(what)
        for part in ("base", "serving"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
            (self.folder / part / "weights").write_text(f"{what} {part}")
        digests = [artefact_digest({"weights": sha256_of(self.folder / p / "weights")}) for p in ("base", "serving")]
        return Bases(self.folder / "base", digests[0], self.folder / "serving", digests[1])


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    made = Maker(tmp_path / "made")
    monkeypatch.setattr(plugins, "load", lambda kind, name: SimpleNamespace(**{
        "materialise_bundled": made.materialise_bundled, "materialise": made.materialise,
    }))  # fmt: skip
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "ws").mkdir()
    return tmp_path / "ws"


@pytest.fixture
def store(root: Path) -> Store:
    return open_store(root / "afina.db")


def places(root: Path, store: Store, **engines: Use) -> Places:
    return Places(store, root, Scope(), config=Config(engines=engines), cache=root / "none")


def test_the_bundled_model_is_copied_in_once(root: Path, store: Store, maker: Maker) -> None:
    place = places(root, store).of("local")
    assert place.base is not None
    assert place.serving is not None
    assert (place.model, (place.base / "weights").read_text()) == ("bundled-135m", "bundled base")
    assert place.base.is_relative_to(root)
    assert place.base.name == places(root, store).digest_of("base", "local")
    assert artefacts.find(store, Scope(), "serving", "bundled-135m").meta["base"] == place.base.name
    assert places(root, store).of("local").base == place.base
    assert maker.made == ["bundled"]


@pytest.mark.parametrize("part", ["base", "serving"])
def test_damaged_files_are_told_and_made_again(root: Path, store: Store, maker: Maker, part: str) -> None:
    place = places(root, store).of("local")
    folder = place.base if part == "base" else place.serving
    assert folder is not None
    (folder / "weights").write_text("damaged")
    told: list[Progress] = []
    again = places(root, store).of("local", tell=told.append)
    assert (folder / "weights").read_text() == f"bundled {part}"
    assert (again.base, again.serving) == (place.base, place.serving)
    assert "not those that were stored; it is made again" in told[0].note


def test_a_gguf_file_becomes_a_base_and_follows_its_source(root: Path, store: Store, maker: Maker) -> None:
    (root / "m.gguf").write_text("one")
    own = Use(use="openvino", model="m.gguf")  # type: ignore[call-arg]
    first = places(root, store, own=own).of("own")
    assert first.base is not None
    assert (first.model, (first.base / "weights").read_text()) == ("m.gguf", "one base")
    places(root, store, own=own).of("own")
    (root / "m.gguf").write_text("other")
    second = places(root, store, own=own).of("own")
    assert second.base is not None
    assert (second.base / "weights").read_text() == "other base"
    assert maker.made == ["one", "other"]


def test_a_folder_is_used_where_it_is_and_a_hub_name_left_to_the_engine(root: Path, store: Store) -> None:
    (root / "mine").mkdir()
    folder, hub = Use(use="transformers", model="mine"), Use(use="transformers", model="org/name")  # type: ignore[call-arg]
    found = places(root, store, folder=folder, hub=hub)
    assert found.of("folder").base == root / "mine"
    assert found.of("hub").base is None
    assert (found.is_local("folder"), found.is_local("hub"), found.is_local("local")) == (True, False, True)
    with pytest.raises(NotFound):
        found.adapter("0" * 64)
