"""afina init and afina doctor as commands: what they print and how they exit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def afina(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "afina", *map(str, args)], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "w"
    made = afina("init", folder, "--name", "norte")
    assert made.returncode == 0, made.stderr
    assert "is a workspace" in made.stdout
    return folder


def test_init_again_says_so_and_changes_nothing(root: Path) -> None:
    before = (root / "afina.toml").read_bytes()
    again = afina("init", root, "--json")
    assert json.loads(again.stdout) == {"workspace": str(root), "made": False}
    assert (root / "afina.toml").read_bytes() == before


def test_doctor_exits_0_when_sound_and_1_when_not(root: Path) -> None:
    sound = afina("doctor", "-w", root)
    assert sound.returncode == 0, sound.stdout
    assert sound.stdout.endswith("Sound.\n")
    assert "bundled-135m" in sound.stdout
    file = root / "afina.toml"
    data = file.read_bytes()
    file.write_bytes(data.replace(b"norte", b"oorte"))
    found = afina("doctor", "-w", root, "--json")
    assert found.returncode == 1
    said = json.loads(found.stdout)
    assert not said["sound"]
    assert said["problems"][0].startswith("afina.toml: ")
    assert {"name": "sqlite", "found": said["versions"][0]["found"], "floor": "3.51.3", "holds": True} in said[
        "versions"
    ]
    assert afina("doctor", "-w", root, "--accept").returncode == 0


def test_doctor_exits_2_without_a_workspace(tmp_path: Path) -> None:
    none = afina("doctor", "-w", tmp_path)
    assert none.returncode == 2
    assert "afina init" in none.stderr
