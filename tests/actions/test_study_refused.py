"""What a study refuses before anything is asked or learnt, so that no hours of measuring are lost to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from afina.actions.compare import compare
from afina.actions.initialise import initialise
from afina.actions.promote import promote
from afina.domain.artefact import Recipe
from afina.domain.example import Case, Example
from afina.domain.message import Message
from afina.errors import BadRequest, ConfigError, Conflict
from afina.evaluation.design import Design
from afina.store import recipes, studies
from afina.testing.echo import EchoEngine
from afina.testing.fakes import WordEmbedder
from afina.workspace import Workspace, open_workspace

CASES = [Case(f"c{n}", f"What is number {n}?", (f"word{n}",), lang="en") for n in range(6)]


@pytest.fixture
def engine() -> EchoEngine:
    return EchoEngine("word1")


@pytest.fixture
def ws(tmp_path: Path, engine: EchoEngine) -> Iterator[Workspace]:
    root = initialise(tmp_path / "ws")
    with open_workspace(root, engines={"local": engine}, embedders={"minilm": WordEmbedder()}, environ={}) as ws:
        yield ws


@pytest.mark.parametrize("name", ["base", "prompt", "knowledge+tuned", "tuned~2", "cascade"])
def test_a_recipe_that_is_called_like_an_arm_would_be_taken_for_it(ws: Workspace, name: str) -> None:
    recipes.put(ws.store, ws.scope, Recipe(name, "local"))
    with pytest.raises(BadRequest, match="the name of an arm"):
        compare(ws, CASES, Design(arms=("base",), recipes=(name,)))


@pytest.mark.parametrize("twice", ["tuned", "recipes"])
def test_what_is_named_twice_would_be_measured_as_two(twice: str) -> None:
    """One adapter as two seeds of an arm would say that seeds do not matter."""
    with pytest.raises(BadRequest, match='"one" is named twice'):
        Design(tuned=("one", "two", "one")) if twice == "tuned" else Design(recipes=("one", "two", "one"))


def test_two_cases_of_one_id_would_share_a_verdict(ws: Workspace) -> None:
    with pytest.raises(BadRequest, match='"c1" is the id of two cases'):
        compare(ws, [*CASES, Case("c1", "What is number 7?", ("word7",))])
    assert studies.latest(ws.store, ws.scope) == []


def test_a_recipe_that_cannot_answer_is_refused_before_anything_is_asked(ws: Workspace, engine: EchoEngine) -> None:
    shown = [Example(f"e{n}", (Message("user", f"Say {n + 50}"), Message("assistant", f"w{n}"))) for n in range(40)]
    ws.demonstrations.put(ws.scope, "shown", shown)
    recipes.put(ws.store, ws.scope, Recipe("mine", "local", adapter="gone"))
    with pytest.raises(ConfigError, match="gone"):
        compare(ws, CASES, Design(examples="shown", arms=("examples",), recipes=("mine",)))
    assert engine.asked == []


def test_a_language_that_reports_do_not_speak_is_refused_before_anything_is_asked(
    ws: Workspace, engine: EchoEngine, tmp_path: Path
) -> None:
    with pytest.raises(BadRequest, match="xx"):
        compare(ws, CASES, Design(arms=("base",)), out=[tmp_path / "report.md"], lang="xx")
    assert engine.asked == []


@pytest.mark.parametrize("task", ["extract", "write"])
def test_a_study_without_a_single_verdict_recommends_nothing(ws: Workspace, task: str) -> None:
    """The cases know answers, but neither fields nor checks: how good an arm is stays unknown."""
    report = compare(ws, CASES, Design(task=task, arms=("prompt",)), name="blind")
    assert {a.quality.value for a in report.arms} == {None}
    assert (report.recommendation.verdict, report.recommendation.arm) == ("undecided", None)
    assert "no answer of any arm could be scored" in report.recommendation.sentence
    with pytest.raises(Conflict, match="no answer of any arm"):
        promote(ws, "blind")
