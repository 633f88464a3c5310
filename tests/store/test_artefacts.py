"""Artefacts: whole or not at all, hashed when read, several names, scopes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from afina.domain.artefact import artefact_digest
from afina.domain.ask import Scope
from afina.errors import BrokenArtefact, NotFound
from afina.store import artefacts
from afina.store.db import Store, open_store
from afina.store.durable import sha256_of

SCOPE = Scope()
CRASHES_WHILE_COPYING = """
import os, sys
from pathlib import Path
from afina.domain.ask import Scope
from afina.store import artefacts
from afina.store.db import open_store
root, folder, step = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
def dies(*args, **kwargs):
    os._exit(9)
setattr(artefacts, step, dies)
store = open_store(root / "afina.db")
artefacts.put(store, root, Scope(), kind="adapter", name="law", folder=folder, meta={})
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "ws").mkdir()
    return tmp_path / "ws"


@pytest.fixture
def store(root: Path) -> Store:
    return open_store(root / "afina.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    (made / "deep").mkdir(parents=True)
    (made / "config.json").write_text("{}")
    (made / "deep" / "weights.bin").write_bytes(bytes(range(256)) * 20)
    return made


def test_put_copies_names_and_verifies(store: Store, root: Path, folder: Path) -> None:
    artefact = artefacts.put(store, root, SCOPE, kind="adapter", name="law", folder=folder, meta={"base": "b"})
    assert artefact.digest == artefact_digest({
        "config.json": sha256_of(folder / "config.json"), "deep/weights.bin": sha256_of(folder / "deep/weights.bin")
    })  # fmt: skip
    kept = artefacts.folder_of(root, artefact)
    assert (kept / "deep" / "weights.bin").read_bytes() == (folder / "deep" / "weights.bin").read_bytes()
    assert artefacts.find(store, SCOPE, "adapter", "law") == artefact
    assert artefacts.find(store, SCOPE, "adapter", artefact.digest) == artefact
    artefacts.verify(root, artefact)
    assert artefacts.unrecorded(store, root) == []


def test_the_newest_of_a_name_is_found_and_one_content_may_have_two_names(
    store: Store, root: Path, folder: Path
) -> None:
    first = artefacts.put(store, root, SCOPE, kind="adapter", name="law", folder=folder, meta={})
    artefacts.put(store, root, SCOPE, kind="adapter", name="ley", folder=folder, meta={})
    (folder / "config.json").write_text("[]")
    second = artefacts.put(store, root, SCOPE, kind="adapter", name="law", folder=folder, meta={})
    assert artefacts.find(store, SCOPE, "adapter", "law") == second
    assert artefacts.find(store, SCOPE, "adapter", "ley") == first
    assert [name for name, _ in artefacts.all_of(store, SCOPE, "adapter")] == ["law", "ley", "law"]


def test_a_name_changes_hands_at_once(store: Store, root: Path, folder: Path) -> None:
    first = artefacts.put(store, root, SCOPE, kind="adapter", name="law", folder=folder, meta={})
    (folder / "config.json").write_text("[]")
    second = artefacts.bring(root, kind="adapter", folder=folder, meta={})
    artefacts.record(store, SCOPE, second, "law@2")
    assert artefacts.find(store, SCOPE, "adapter", "law") == first
    artefacts.record(store, SCOPE, second, "law", instead_of="law@2")
    assert artefacts.find(store, SCOPE, "adapter", "law") == second
    assert artefacts.names(store, SCOPE, "adapter") == ["law"]
    artefacts.record(store, SCOPE, second, "ley")
    assert artefacts.names_of(store, SCOPE, second) == ["ley", "law"]


def test_another_project_and_another_kind_do_not_see_it(store: Store, root: Path, folder: Path) -> None:
    artefact = artefacts.put(store, root, SCOPE, kind="adapter", name="law", folder=folder, meta={})
    for scope, kind in ((Scope("other"), "adapter"), (SCOPE, "report")):
        with pytest.raises(NotFound):
            artefacts.find(store, scope, kind, artefact.digest)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match='did you mean "law"'):
        artefacts.find(store, SCOPE, "adapter", "lwa")


@pytest.mark.parametrize("harm", ["flip", "remove", "add"])
def test_harm_is_named(store: Store, root: Path, folder: Path, harm: str) -> None:
    artefact = artefacts.put(store, root, SCOPE, kind="adapter", name="law", folder=folder, meta={})
    weights = artefacts.folder_of(root, artefact) / "deep" / "weights.bin"
    data = weights.read_bytes()
    if harm == "flip":
        weights.write_bytes(data[:77] + bytes([data[77] ^ 1]) + data[78:])
    elif harm == "remove":
        weights.unlink()
    else:
        weights.with_name("extra").write_text("")
    with pytest.raises(BrokenArtefact, match=f"artefacts/adapter/{artefact.digest}/deep/"):
        artefacts.verify(root, artefact)
    artefacts.put(store, root, SCOPE, kind="adapter", name="law", folder=folder, meta={})
    artefacts.verify(root, artefact)


def test_an_empty_folder_is_refused(store: Store, root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BrokenArtefact, match="no files"):
        artefacts.put(store, root, SCOPE, kind="adapter", name="law", folder=tmp_path / "empty", meta={})
    assert list((root / "artefacts" / "adapter").iterdir()) == []


@pytest.mark.parametrize("step", ["_copy_synced", "_settle", "record"])
def test_a_crash_leaves_nothing_half(root: Path, folder: Path, step: str) -> None:
    died = subprocess.run([sys.executable, "-c", CRASHES_WHILE_COPYING, root, folder, step], check=False)
    assert died.returncode == 9
    store = open_store(root / "afina.db")
    assert artefacts.all_of(store, SCOPE, "adapter") == []
    left = artefacts.unrecorded(store, root)
    assert len(left) == 1
    if step != "record":
        assert left[0].name.startswith(artefacts.SCRATCH)
    artefact = artefacts.put(store, root, SCOPE, kind="adapter", name="law", folder=folder, meta={})
    artefacts.verify(root, artefact)


def test_every_file_and_folder_is_synced_before_the_rename(
    store: Store, root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def noted_fsync(descriptor: int) -> None:
        events.append("sync")
        fsync(descriptor)

    def noted_rename(path: Path, target: Path) -> Path:
        events.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    artefacts.put(store, root, SCOPE, kind="adapter", name="law", folder=folder, meta={})
    assert events == ["sync"] * 4 + ["rename", "sync"], "2 files, 2 folders, then the name, then the parent"
