"""The public names: light to import, found when named, sync over async."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

import afina
from afina.actions import answered
from afina.errors import NotFound
from afina.store import runs
from afina.testing.echo import EchoEngine


def test_importing_afina_imports_next_to_nothing() -> None:
    code = "import sys, afina; print([m for m in sys.modules if m.split('.')[0] in ('numpy', 'pydantic', 'torch')])"
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
    assert time.monotonic() - began < 2


def test_every_public_name_has_a_home() -> None:
    assert sorted(afina._HOMES) == afina.__all__ == dir(afina)
    with pytest.raises(AttributeError, match="no attribute 'akss'"):
        afina.akss  # noqa: B018


@pytest.mark.parametrize("name", afina.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert callable(getattr(afina, name))


def test_asking_waits_for_the_answer_and_keeps_its_record(tmp_path: Path) -> None:
    engine = EchoEngine("forty days")
    path = afina.initialise(tmp_path / "w")
    (path / "afina.toml").write_text("")
    with afina.open_workspace(path, environ={}, engines={"local": engine}) as ws:
        answer = afina.ask(ws, "How many?")
        assert answer.text == "forty days"
        assert answer.finish == "stop"
        assert runs.latest(ws.store, ws.scope)[0].model == "bundled-135m"
        with pytest.raises(NotFound, match="bundled-135m"):
            answered.answered(ws, "How many?", model="bundled")
    assert engine.closed
