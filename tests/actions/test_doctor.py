"""afina doctor: one flipped byte in any kind of file is named; settings, versions, leftovers."""

import hashlib
import json
import os
import random
import shutil
from pathlib import Path

import pytest

from afina.actions import doctor
from afina.actions.doctor import Version, accept, examine
from afina.actions.initialise import initialise
from afina.domain.artefact import Kind, Recipe, Stage
from afina.domain.ask import Scope
from afina.domain.certificate import Certificate, Figures
from afina.errors import ConfigError
from afina.store import artefacts, certificates, recipes
from afina.store.db import open_store
from afina.trust.setup import setup_of
from afina.workspace import open_workspace


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with every kind of file in it."""
    root = initialise(tmp_path_factory.mktemp("whole") / "ws")
    made = tmp_path_factory.mktemp("made")
    (made / "deep").mkdir()
    (made / "deep" / "weights.safetensors").write_bytes(random.Random(1).randbytes(3000))
    (made / "config.json").write_text('{"a": 1}')
    store = open_store(root / "afina.db")
    for kind in artefacts.KINDS:
        (made / "config.json").write_text(json.dumps({"kind": kind}))
        artefacts.put(store, root, Scope(), kind=kind, name="law", folder=made, meta={})
    law = artefacts.find(store, Scope(), "adapter", "law").digest
    setup = setup_of(use="openvino", options={}, serving="")
    held = Certificate(law, "b" * 64, "openvino", "transformers", setup, {"torch": "2"}, {}, Figures(), (), 1.0, 1.0)
    certificates.save(store, root, held)
    certificates.keep_reading(store, root, "c" * 64, {"scored": [1.5]})
    recipes.put(store, Scope(), Recipe("stored", "local", gather=(Stage("prompt", {"instructions": "Hi."}),)))
    store.close()
    index = root / "cache" / "index" / "ab" / "1"
    index.mkdir(parents=True)
    (index / "ids.npy").write_bytes(random.Random(2).randbytes(500))
    notes = {"passages": 3, "files": {"ids.npy": hashlib.sha256((index / "ids.npy").read_bytes()).hexdigest()}}
    seal = hashlib.sha256(json.dumps(notes, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    (index / "manifest.json").write_text(json.dumps({**notes, "seal": seal}, ensure_ascii=False, indent=1))
    return root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "moved")


def problems(root: Path) -> tuple[str, ...]:
    return examine(root, environ={}).problems


def test_a_sound_workspace_is_sound(root: Path) -> None:
    found = examine(root, environ={})
    assert found.problems == ()
    assert found.notes == ()
    assert found.sound
    assert found.checked["files of artefacts"] == 2 * len(artefacts.KINDS)
    assert found.checked["folders of cache"] == 1
    assert [s.model for s in found.served] == ["stored", "documents", "law", "bundled-135m"]
    assert [s.certificate for s in found.served] == ["none yet", "none yet", "holds", "none yet"]


def test_one_flipped_byte_in_any_file_is_seen_and_named(root: Path) -> None:
    rng = random.Random(13)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    assert {"afina.toml", "afina.db", "afina.db.seal", "ids.npy", "manifest.json", f"{'c' * 64}.json"} <= {
        f.name for f in files
    }
    for file in files:
        data = file.read_bytes()
        for at in {0, len(data) - 1, *(rng.randrange(len(data)) for _ in range(2))}:
            file.write_bytes(data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :])
            shown = file.relative_to(root).as_posix()
            found = problems(root)
            assert any(problem.startswith(f"{shown}: ") for problem in found), f"byte {at} of {shown}: {found}"
        file.write_bytes(data)
    assert problems(root) == ()


def test_looking_changes_nothing(root: Path) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    examine(root, environ={})
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("kind", artefacts.KINDS)
def test_a_missing_and_an_added_file_are_named(root: Path, kind: Kind) -> None:
    folder = next((root / "artefacts" / kind).iterdir())
    (folder / "config.json").rename(folder / "other.json")
    shown = folder.relative_to(root)
    assert problems(root) == (f"{shown}/config.json: missing", f"{shown}/other.json: does not belong to this artefact")


def test_an_edit_is_shown_until_it_was_used_or_accepted(root: Path) -> None:
    file = root / "afina.toml"
    file.write_text(file.read_text().replace("port = 8000", "port = 8001"))
    (found,) = problems(root)
    assert "port = 8001" in found
    assert "--accept" in found
    accept(root, environ={})
    assert problems(root) == ()
    file.write_text(file.read_text().replace("port = 8001", "port = 8002"))
    open_workspace(root, environ={}).close()
    assert problems(root) == ()


def test_bytes_that_changed_without_a_write_are_never_accepted_by_use(root: Path) -> None:
    file = root / "afina.toml"
    open_workspace(root, environ={}).close()
    times = file.stat()
    file.write_text(file.read_text().replace("port = 8000", "port = 8008"))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    open_workspace(root, environ={}).close()
    assert "port = 8008" in problems(root)[0]


def test_wrong_settings_are_named(root: Path) -> None:
    file = root / "afina.toml"
    file.write_text(file.read_text().replace("gather =", "gathr ="))
    assert any('"gathr" is not a key' in problem for problem in problems(root))
    with pytest.raises(ConfigError, match="gathr"):
        accept(root, environ={})
    file.write_text('[recipes.r]\ncontrol = [{ use = "routed", large = "nobody" }]\n')
    accept(root, environ={})
    assert any('no recipe is called "nobody"' in problem for problem in problems(root))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('[engines.big]\nuse = "openai"\nurl = "http://h/v1"\n', '[engines.big]: "model" must be given'),
        ('[engines.local]\nuse = "openvino"\nthreds = 1\n', '"threds" is not a key here; did you mean "threads"?'),
        ('[engines.local]\nuse = "opnvino"\n', 'no engines backend is called "opnvino"; did you mean "openvino"?'),
        ("[collections.c]\nsplit = { max_token = 1 }\n", '[collections.c], split: "max_token" is not a key'),
        ('[collections.c]\nretriever = { use = "hybrid", fuson = "x" }\n', '"fuson" is not a key here; did you mean'),
        ('[collections.c]\nembedder = "minlm"\n', 'did you mean "minilm"?'),
        ('[citations]\nchecker = { use = "overlp" }\n', 'did you mean "overlap"?'),
    ],
)
def test_options_that_a_backend_would_refuse_are_named(root: Path, settings: str, message: str) -> None:
    (root / "afina.toml").write_text(settings)
    accept(root, environ={})
    (found,) = problems(root)
    assert found.startswith("afina.toml")
    assert message in found


def test_leftovers_of_a_crash_are_notes(root: Path) -> None:
    (root / "artefacts" / "adapter" / ".tmp-1-2").mkdir()
    found = examine(root, environ={})
    assert found.sound
    assert found.notes == ("artefacts/adapter/.tmp-1-2: no row names it; left by a crash, safe to remove",)


def test_a_server_file_that_no_server_stands_behind_is_named(root: Path) -> None:
    (root / "server.json").write_text('{"url": "http://127.0.0.1:9", "pid": 1, "token": "t"}')
    assert problems(root)[0].startswith("server.json: ")
    (root / "server.json").write_text("no json")
    assert problems(root)[0].startswith("server.json: ")


def test_missing_files_are_named(root: Path, tmp_path: Path) -> None:
    (root / "afina.toml").unlink()
    assert "afina.toml: missing" in problems(root)
    (root / "afina.toml").write_text("")
    (root / "afina.db").unlink()
    assert any(problem.startswith("afina.db: missing") for problem in problems(root))
    with pytest.raises(ConfigError, match="afina init"):
        examine(tmp_path, environ={})


def test_versions_below_the_floor_are_not_sound(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Version("torch", "2.13.0+cpu", "2.10").holds
    assert Version("torch", "2.10", "2.10").holds
    assert Version("torch", "", "2.10").holds
    assert not Version("torch", "2.9.1", "2.10").holds
    monkeypatch.setattr(doctor, "FLOORS", {"numpy": "900.1"})
    assert not examine(root, environ={}).sound
