"""afina studies: list, show in every form and both languages, remove; and a study on the screen."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from afina.actions.compare import compare
from afina.actions.initialise import initialise
from afina.cli import main
from afina.cli._study import WIDTH, fitting, show
from afina.domain.example import Case
from afina.evaluation.design import Design
from afina.evaluation.show.tables import tables
from afina.testing.echo import EchoEngine
from afina.workspace import open_workspace
from sample_report import MANY, report, with_cheapest

run = CliRunner()
CASES = [Case(f"c{n}", f"What is {n} + {n}?", (str(2 * n),), lang="en") for n in range(8)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workspace with one finished study, and its id."""
    root = initialise(tmp_path_factory.mktemp("studies") / "ws")
    with open_workspace(root, engines={"local": EchoEngine(lambda prompt, choice: "4")}, environ={}) as ws:
        found = compare(ws, CASES, Design(arms=("base", "prompt")), name="sums")
    return root, found.id


@pytest.fixture
def root(made: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AFINA_WORKSPACE", str(made[0]))
    return made[0]


def said(*arguments: str, code: int = 0) -> str:
    result = run.invoke(main.app, ["studies", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_a_list_names_task_cases_arms_and_recommendation(root: Path, made: tuple[Path, str]) -> None:
    (line,) = [line for line in said().splitlines() if made[1] in line]
    assert re.search(r"sums +answer +8 +2 ", line)
    (listed,) = json.loads(said("--json"))
    assert (listed["id"], listed["arms"], listed["finished"]) == (made[1], ["base", "prompt"], True)


@pytest.mark.parametrize("how", ["id", "beginning", "name"])
def test_a_study_is_shown_again(root: Path, made: tuple[Path, str], how: str) -> None:
    named = {"id": made[1], "beginning": made[1][:12], "name": "sums"}[how]
    shown = said("show", named)
    assert f"sums ({made[1]}): 8 cases" in shown
    assert "Recommendation" in shown
    assert "Recomendación" in said("show", named, "--lang", "es")


def test_it_is_written_in_every_form_that_is_named(root: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"s.{suffix}" for suffix in ("html", "md", "json", "csv")]
    shown = said("show", "sums", "--lang", "es", *(part for file in files for part in ("--out", str(file))))
    assert all(file.is_file() for file in files)
    assert (tmp_path / "s-arms.csv").is_file()
    assert "s-arms.csv" in shown
    assert '<html lang="es">' in files[0].read_text()
    whole = json.loads(said("show", "sums", "--json"))
    assert whole == json.loads(files[2].read_text())
    assert whole["texts"]


def test_a_wrong_form_or_language_is_refused_before_anything_is_written(root: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "a.md", tmp_path / "a.pdf"
    said("show", "sums", "--out", str(good), "--out", str(bad), code=2)
    said("show", "sums", "--out", str(good), "--lang", "xx", code=2)
    assert not good.exists()


def test_an_unknown_study_and_a_lost_option_are_refused(root: Path) -> None:
    said("show", "nothing", code=2)
    said("--json", "show", "sums", code=2)


def test_a_removed_study_is_gone(made: tuple[Path, str], tmp_path: Path) -> None:
    other = initialise(tmp_path / "ws")
    with open_workspace(other, engines={"local": EchoEngine()}, environ={}) as ws:
        compare(ws, CASES[:2], Design(arms=("base",)), name="short")
    assert "removed short" in said("remove", "short", "-w", str(other))
    assert "no study yet" in said("-w", str(other))


@pytest.mark.parametrize("lang", ["en", "es"])
def test_a_study_fits_a_hundred_columns_and_ends_with_the_recommendation(
    lang: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show(with_cheapest(report(shares=MANY)), lang=lang)
    shown = capsys.readouterr().out
    assert max(len(line) for line in shown.splitlines()) <= WIDTH
    last = shown[shown.rindex("\n\n") :]
    assert ("Recommendation" in last) or ("Recomendación" in last)
    assert all(a.name in shown for a in report(shares=MANY).arms)


def test_the_least_important_columns_go_first() -> None:
    (whole, *_) = tables(report())
    wide, narrow = fitting(whole, 1000), fitting(whole, 60)
    assert wide == whole
    assert 2 < len(narrow.columns) < len(whole.columns)
    assert narrow.columns == whole.columns[: len(narrow.columns)]
    assert [len(row) for row in narrow.rows] == [len(narrow.columns)] * len(whole.rows)
    assert len(fitting(replace(whole, title="x"), 1).columns) == 2
