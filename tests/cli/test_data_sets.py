"""afina data add, sets, remove; and what afina compare refuses before it measures anything."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from afina.actions.initialise import initialise
from afina.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return initialise(tmp_path / "ws")


def afina(*args: object) -> Result:
    return CliRunner().invoke(main.app, [str(a) for a in args])


def test_a_set_of_examples_is_kept_listed_and_removed(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "tickets.csv"
    file.write_text("text,label\nMy line is dead,outage\nMy bill is wrong,billing\n")
    assert json.loads(afina("data", "add", file, "--json", "-w", folder).output) == {"set": "tickets", "examples": 2}
    assert afina("data", "add", file, "--as", "desk", "-w", folder).exit_code == 0
    assert json.loads(afina("data", "sets", "--json", "-w", folder).output) == {"desk": 2, "tickets": 2}
    assert afina("data", "remove", "desk", "-w", folder).exit_code == 0
    gone = afina("data", "remove", "desk", "-w", folder)
    assert gone.exit_code == 2
    assert json.loads(afina("data", "sets", "--json", "-w", folder).output) == {"tickets": 2}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--task", "clasify"], "classify"),
        (["--arms", "tunde"], "tuned"),
        (["--minutes", "0"], "minutes"),
        (["--delta", "200"], "delta"),
        (["--seeds", "-1"], "seeds"),
        (["--out", "report.pdf"], ".html"),
        (["--examples", "nothing"], "nothing"),
        (["--tuned", "nobody"], "nobody"),
        (["--schema", "no.json"], "no.json"),
        (["--recipe", "nobody"], "nobody"),
        (["--judge", "nobody"], "nobody"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(
    folder: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    cases = tmp_path / "cases.jsonl"
    cases.write_text('{"question": "Who?", "answers": ["Ann"]}\n')
    done = afina("compare", cases, *options, "-w", folder)
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert not list((folder / "artefacts").glob("base/*"))  # no model was made ready for it
