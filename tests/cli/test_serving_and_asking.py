"""`afina serve` and `afina ask` as processes, with an engine plugin from outside that counts how often it is opened."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from afina.actions.initialise import initialise

PLUGIN = """
import os
from pathlib import Path
from pydantic import BaseModel, ConfigDict
from afina.testing.echo import EchoEngine

REMOTE = True

class Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    model: str = "echo"

def build(options, place):
    with Path(os.environ["OPENED"]).open("a") as file:
        file.write(f"{os.getpid()}\\n")
    return EchoEngine(delay_s=float(os.environ.get("DELAY_S", 0)))
"""
AFINA = [sys.executable, "-m", "afina.cli.main"]


@pytest.fixture
def opened(tmp_path: Path) -> Path:
    """Gets a line each time an engine is opened, in any process."""
    return tmp_path / "opened"


@pytest.fixture
def environ(tmp_path: Path, opened: Path) -> dict[str, str]:
    outside = tmp_path / "outside"
    about = outside / "counted-1.0.dist-info"
    about.mkdir(parents=True)
    (outside / "counted_engine.py").write_text(PLUGIN)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: counted\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[afina.engines]\ncounted = counted_engine\n")
    plain = {k: v for k, v in os.environ.items() if not k.startswith("AFINA")}
    return {**plain, "PYTHONPATH": str(outside), "OPENED": str(opened), "AFINA_CACHE": str(tmp_path / "cache")}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = initialise(tmp_path / "ws")
    (root / "afina.toml").write_text('[engines.local]\nuse = "counted"\nmodel = "echo"\n')
    return root


@contextlib.contextmanager
def served(workspace: Path, environ: dict[str, str]) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """(base_url, process) of a server that takes requests."""
    command = [*AFINA, "serve", "--port", "0", "-w", str(workspace)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline().strip()
            assert line.startswith("http://127.0.0.1:"), process.stderr.read() if process.stderr else ""
            yield line, process
        finally:
            process.kill()


def afina(environ: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*AFINA, *arguments], env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_a_verb_opens_the_engine_where_no_server_runs(workspace: Path, environ: dict[str, str], opened: Path) -> None:
    done = afina(environ, "ask", "Say good day", "-w", str(workspace))
    assert (done.returncode, done.stdout.strip()) == (0, "Say good day"), done.stderr
    assert len(opened.read_text().splitlines()) == 1


def test_with_a_server_no_verb_opens_a_second_engine(workspace: Path, environ: dict[str, str], opened: Path) -> None:
    with served(workspace, environ) as (url, process):
        with openai.OpenAI(base_url=url, api_key="none") as client:
            said = client.chat.completions.create(model="echo", messages=[{"role": "user", "content": "Hello you"}])
        assert said.choices[0].message.content == "Hello you"
        done = afina(environ, "ask", "Say good day", "-w", str(workspace))
        assert (done.returncode, done.stdout.strip()) == (0, "Say good day"), done.stderr
        assert opened.read_text().split() == [str(process.pid)]


def test_the_end_is_clean_and_the_file_goes(workspace: Path, environ: dict[str, str]) -> None:
    with served(workspace, environ) as (url, process):
        file = workspace / "server.json"
        assert f"{json.loads(file.read_text())['url']}/v1" == url
        second = afina(environ, "serve", "--port", "0", "-w", str(workspace))
        assert second.returncode == 2
        assert url.removesuffix("/v1") in second.stderr
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
        assert (process.returncode, rest) == (130, ""), errors
        assert "Traceback" not in errors
        assert not file.exists()


def test_an_end_by_sigterm_is_an_ordinary_end(workspace: Path, environ: dict[str, str]) -> None:
    with served(workspace, environ) as (_, process):
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors
        assert not (workspace / "server.json").exists()


def test_after_a_killed_server_verbs_and_servers_go_on(workspace: Path, environ: dict[str, str], opened: Path) -> None:
    with served(workspace, environ) as (_, process):
        process.kill()
        process.wait(10)
    assert (workspace / "server.json").exists()
    assert afina(environ, "ask", "Say good day", "-w", str(workspace)).stdout.strip() == "Say good day"
    assert len(opened.read_text().splitlines()) == 2
    with served(workspace, environ) as (url, _):
        assert url


def test_a_key_from_the_environment_is_needed(workspace: Path, environ: dict[str, str]) -> None:
    with served(workspace, {**environ, "AFINA_API_KEY": "k1"}) as (url, _):
        with (
            openai.OpenAI(base_url=url, api_key="wrong", max_retries=0) as client,
            pytest.raises(openai.AuthenticationError),
        ):
            client.models.list()
        with openai.OpenAI(base_url=url, api_key="k1", max_retries=0) as client:
            assert client.models.list().data
        done = afina(environ, "ask", "Say good day", "-w", str(workspace))
        assert done.stdout.strip() == "Say good day", done.stderr


def test_an_answer_as_json(workspace: Path, environ: dict[str, str]) -> None:
    done = afina(environ, "ask", "Say good day", "--json", "--max-tokens", "2", "-w", str(workspace))
    said = json.loads(done.stdout)
    assert (said["text"], said["finish"], said["sources"]) == ("Say good", "length", [])
    assert said["used"]["completion_tokens"] == 2


def test_an_interrupted_answer_ends_at_once_and_says_no_traceback(workspace: Path, environ: dict[str, str]) -> None:
    command = [*AFINA, "ask", "word " * 200, "-w", str(workspace)]
    slow = {**environ, "DELAY_S": "0.1"}
    with subprocess.Popen(command, env=slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.read(4) == "word"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=5)
    assert process.returncode == 130, errors
    assert errors == ""
