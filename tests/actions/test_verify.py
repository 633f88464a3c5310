"""Certificates in a workspace: made once, kept, renewed when the setup changes, required before serving."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("transformers")

import typer
from typer.testing import CliRunner

from afina.actions import verify as action
from afina.actions.initialise import initialise
from afina.cli.verify import run as verb
from afina.contracts import Engine, Place
from afina.errors import BrokenArtefact, NotCertified, Unsupported
from afina.store import artefacts, certificates
from afina.testing.echo import EchoEngine
from afina.testing.engine_suite import run
from afina.testing.fakes import WordEmbedder
from afina.testing.tiny import write_tiny_adapter, write_tiny_model
from afina.workspace import Workspace, open_workspace

TOML = """
[workspace]
engine = "tiny"

[engines.tiny]
use = "transformers"
model = "tiny"

[engines.eager]
use = "transformers"
model = "tiny"
attention = "eager"
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose model is a tiny one, with an adapter that works and one that does nothing."""
    root = initialise(tmp_path_factory.mktemp("verify") / "ws")
    (root / "afina.toml").write_text(TOML)
    base = write_tiny_model(root / "tiny", context_tokens=2048)
    ws = open_workspace(root, environ={})
    for name, strength in (("ada", 0.5), ("idle", 0.0)):
        folder = write_tiny_adapter(base, root.parent / name, strength=strength)
        artefacts.put(ws.store, ws.root, ws.scope, kind="adapter", name=name, folder=folder, meta={})
    ws.close()
    return root


@pytest.fixture
def ws(root: Path) -> Iterator[Workspace]:
    ws = open_workspace(root, environ={})
    yield ws
    ws.close()


def opened_reference_times(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the float32 reference had to be loaded."""
    times: list[int] = []
    real = action._open_reference

    def counted(place: Place) -> Engine:
        times.append(1)
        return real(place)

    monkeypatch.setattr(action, "_open_reference", counted)
    return times


def test_a_base_is_certified_once(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = opened_reference_times(monkeypatch)
    first = run(action.verify(ws, "tiny"))
    assert first.passed, first.summary
    assert first.artefact == first.base == ws.engine().card.base
    assert run(action.verify(ws, "tiny")) == first
    again = run(action.verify(ws, "tiny", again=True))
    assert again.made > first.made
    assert len(loaded) == 1, "what the reference read is kept"


def test_adapters_are_certified_and_an_idle_one_is_refused(ws: Workspace) -> None:
    good = run(action.require(ws, "ada"))
    assert good is not None
    assert good.figures.effect
    with pytest.raises(NotCertified, match="not shown to be active"):
        run(action.require(ws, "idle"))
    with pytest.raises(NotCertified, match="not shown to be active"):
        run(action.require(ws, "idle", make=False))


def test_an_edited_certificate_is_broken(ws: Workspace) -> None:
    made = run(action.verify(ws, "idle"))
    path = certificates.path_of(ws.root, artefact=made.artefact, engine="transformers", setup=made.setup)
    before = path.read_text()
    path.write_text(before.replace('"reasons": [', '"reasons": [ ', 1))
    try:
        with pytest.raises(BrokenArtefact):
            run(action.require(ws, "idle"))
        assert list(certificates.problems(ws.store, ws.root))
    finally:
        path.write_text(before)


def test_another_setup_needs_another_certificate(root: Path) -> None:
    first = open_workspace(root, environ={})
    made = run(action.verify(first, "tiny"))
    first.close()
    other = open_workspace(root, environ={"AFINA__ENGINES__TINY__ATTENTION": "eager"})
    with pytest.raises(NotCertified, match="another setup"):
        run(action.require(other, "tiny", make=False))
    renewed = run(action.require(other, "tiny"))
    assert renewed is not None
    assert renewed.setup != made.setup
    other.close()


def test_two_engines_of_one_plugin_keep_their_certificates(ws: Workspace) -> None:
    first = run(action.verify(ws, "ada", engine="tiny"))
    second = run(action.verify(ws, "ada", engine="eager"))
    assert first.setup != second.setup
    assert run(action.require(ws, "ada", engine="tiny", make=False)) == first
    assert run(action.require(ws, "ada", engine="eager", make=False)) == second
    ws.answerer("ada")


def test_what_answers_is_known_without_opening_an_engine(root: Path, ws: Workspace) -> None:
    for name in ("ada", "idle"):
        run(action.verify(ws, name))
    with open_workspace(root, environ={}) as fresh:
        assert action.answering(fresh, "ada") == artefacts.find(ws.store, ws.scope, "adapter", "ada").digest
        assert [action.answering(fresh, name) for name in ("idle", "tiny", "nobody")] == [None] * 3
        assert not fresh.open_engines


def test_nothing_yet_is_a_refusal_where_nothing_may_be_made(ws: Workspace) -> None:
    for path in (ws.root / certificates.FOLDER).glob(f"{ws.engine().card.base}.transformers.*"):
        path.unlink()
    with pytest.raises(NotCertified, match="afina verify tiny"):
        run(action.require(ws, "tiny", make=False))


def test_a_remote_model_needs_none(root: Path) -> None:
    ws = open_workspace(root, environ={}, engines={"tiny": EchoEngine()}, embedders={"minilm": WordEmbedder()})
    assert run(action.require(ws, "tiny")) is None
    with pytest.raises(Unsupported, match="no files here"):
        run(action.verify(ws, "tiny"))
    ws.close()


def test_the_verb_exits_with_the_verdict(root: Path) -> None:

    app = typer.Typer()
    app.command()(verb)
    passed = CliRunner().invoke(app, ["tiny", "-w", str(root)])
    assert passed.exit_code == 0, passed.output
    assert "passed on transformers: 50 prompts" in passed.output
    failed = CliRunner().invoke(app, ["idle", "--json", "-w", str(root)])
    assert failed.exit_code == 1
    assert '"passed": false' in failed.output
