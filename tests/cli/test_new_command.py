"""afina new as a command: what it prints and how it exits."""

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from afina.actions.ingest import Ingested
from afina.actions.new import Part
from afina.cli.new import commands


def afina(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "afina", *map(str, args)], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_template_is_made_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "a desk"
    done = afina("new", "triage", folder, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["workspace"], said["made"]) == (str(folder), True)
    (part,) = said["parts"]
    assert (part["lang"], part["examples"], part["added"]) == ("en", "triage-en", None)
    compare = shlex.split(said["next"][0])
    assert compare[:2] == ["afina", "compare"]
    assert Path(compare[2]).is_file()
    again = afina("new", "triage", folder)
    assert "is a workspace already" in again.stdout
    assert said["next"][0] in again.stdout


def test_faults_exit_as_the_caller_s(tmp_path: Path) -> None:
    unknown = afina("new", "suport", tmp_path / "w")
    assert unknown.returncode == 2
    assert 'did you mean "support"' in unknown.stderr
    assert not (tmp_path / "w").exists()


def test_the_next_commands_name_what_the_part_has() -> None:
    part = Part(
        lang="es", cases="data/es/cases.jsonl", case_rows=1, asked="¿Cuánto?", examples="support-es", example_rows=1,
        labels=(), collection="docs-es", added=Ingested(1, 0, 0, (), 1, 0.1),
    )  # fmt: skip
    compare, ask = commands(part, Path("w"))
    assert compare == "afina compare w/data/es/cases.jsonl --examples support-es -c docs-es -w w"
    assert ask == "afina ask -m support-es -w w '¿Cuánto?'"
    labelled = replace(part, labels=("a", "b"), added=None, collection="docs")
    assert commands(labelled, Path("w"))[0] == (
        "afina compare w/data/es/cases.jsonl --task classify --examples support-es -w w"
    )
