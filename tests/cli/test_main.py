"""The command's frame: a current index, quick help, nothing heavy, errors as one line and an exit code."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from afina import errors
from afina.cli import _generate, main
from afina.cli._index import VERBS

HEAVY = ("torch", "transformers", "peft", "openai", "pandas", "pyarrow", "openvino", "openvino_genai")
NOT_FOR_HELP = (*HEAVY, "pydantic", "fastapi", "numpy", "rich", "starlette", "uvicorn", "httpx2", "jinja2")
HELP_WITHIN_S = 0.150
SHARED_MACHINE = 3
"""The best of five runs may take this many times as long where other work is going on."""

run = CliRunner()


def test_the_index_is_current() -> None:
    assert _generate.INDEX.read_text() == _generate.index(_generate.verbs()), "run: python -m afina.cli._generate"


def test_help_lists_every_verb() -> None:
    shown = run.invoke(main.app, ["--help"])
    assert shown.exit_code == 0
    for verb in VERBS:
        assert f"  {verb} " in shown.output


def _python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_help_is_quick() -> None:
    def once() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "afina.cli.main", "--help"], capture_output=True, check=True, timeout=60)
        return time.perf_counter() - started

    best = min(once() for _ in range(5))
    assert best < HELP_WITHIN_S * SHARED_MACHINE, f"afina --help took {best * 1000:.0f} ms"


def test_help_imports_nothing_that_it_does_not_need() -> None:
    code = f"""
import sys
from afina.cli import main
from typer.testing import CliRunner
assert CliRunner().invoke(main.app, ["--help"]).exit_code == 0
print(*[m for m in {NOT_FOR_HELP} if m in sys.modules])
"""
    done = _python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_no_verb_imports_anything_heavy() -> None:
    code = f"""
import importlib, sys
for verb in sys.argv[1:]:
    importlib.import_module("afina.cli." + verb.replace("-", "_"))
    heavy = [m for m in {HEAVY} if m in sys.modules]
    if heavy:
        sys.exit(f"{{verb}} imports {{heavy}}")
"""
    done = _python(code, *VERBS)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str) -> None:
    shown = run.invoke(main.app, [verb, "--help"])
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith("Usage:")


def test_an_unknown_verb_is_wrong_usage_and_names_the_nearest() -> None:
    shown = run.invoke(main.app, ["serv"])
    assert shown.exit_code == 2
    assert shown.stderr == 'Error: afina has no verb "serv"; did you mean "serve"?\n'


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NotFound("x"), 2),
        (errors.MissingExtra("x", extra="y"), 2),
        (errors.EngineTimeout("x"), 3),
        (errors.StoreError("x"), 3),
        (errors.BrokenArtefact("x"), 4),
        (errors.InvalidRow("x", line=1), 4),
        (errors.AfinaError("x"), 1),
    ],
)
def test_exit_codes(error: errors.AfinaError, code: int) -> None:
    assert main.exit_code(error) == code


class Verb:
    """Stands where a verb's file would."""

    def __init__(self, fault: BaseException) -> None:
        self.fault = fault

    def run(self) -> None:
        """A verb that fails."""
        raise self.fault


def _failing(monkeypatch: pytest.MonkeyPatch, fault: BaseException) -> None:
    verb = Verb(fault)
    monkeypatch.setattr("importlib.import_module", lambda name: verb)
    monkeypatch.setitem(VERBS, "fail", "Fails")


def test_an_error_is_one_line_and_the_code_of_its_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, errors.EngineError("the engine is away"))
    shown = run.invoke(main.app, ["fail"])
    assert (shown.exit_code, shown.stderr, shown.stdout) == (3, "Error: the engine is away\n", "")


@pytest.mark.parametrize("where", [["--debug", "fail"], ["fail", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(monkeypatch: pytest.MonkeyPatch, where: list[str]) -> None:
    _failing(monkeypatch, errors.EngineError("the engine is away"))
    assert isinstance(run.invoke(main.app, where).exception, errors.EngineError)


def test_debug_after_two_dashes_is_the_verbs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Echo:
        @staticmethod
        def run(words: list[str]) -> None:
            """Repeats."""
            said.extend(words)

    monkeypatch.setattr("importlib.import_module", lambda name: Echo)
    monkeypatch.setitem(VERBS, "echo", "Repeats")
    assert run.invoke(main.app, ["echo", "--", "--debug"]).exit_code == 0
    assert said == ["--debug"]


def test_an_interruption_has_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, KeyboardInterrupt())
    assert run.invoke(main.app, ["fail"]).exit_code == 130


def test_a_check_that_fails_leaves_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, typer.Exit(1))
    assert run.invoke(main.app, ["fail"]).exit_code == 1


def test_a_fault_of_ours_is_one_line_in_a_process(tmp_path: Path) -> None:
    code = "from afina.cli import main\nmain.Verbs.__getitem__ = lambda verbs, name: 1 / 0\nmain.main()"
    done = _python(code, "ask")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: a fault in Afina: ZeroDivisionError")
    assert "Traceback" in _python(code, "ask", "--debug").stderr


def test_outside_a_workspace_the_way_in_is_named(tmp_path: Path) -> None:
    environ = {k: v for k, v in os.environ.items() if k != "AFINA_WORKSPACE"}
    command = [sys.executable, "-m", "afina.cli.main", "models"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "afina init" in done.stderr
