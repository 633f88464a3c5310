"""What an arm is charged for: the CPU time of every engine that it asked."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from afina.actions._counting import cpu_of
from afina.actions.compare import compare
from afina.actions.initialise import initialise
from afina.domain.abstention import NOT_FOUND
from afina.domain.artefact import Recipe, Stage
from afina.domain.example import Case
from afina.evaluation.design import Design
from afina.store import recipes
from afina.testing.echo import EchoEngine
from afina.testing.fakes import WordEmbedder
from afina.workspace import Workspace, open_workspace

CASES = [Case(f"c{n}", f"What is number {n}?", ("word",), lang="en") for n in range(4)]


@dataclass
class Apart(EchoEngine):
    """In a process of its own, which takes so many CPU-seconds for an answer. None: nobody knows."""

    takes_s: float | None = 0.0

    def cpu_seconds(self) -> float | None:
        return None if self.takes_s is None else 1e6 + self.takes_s * len(self.asked)


@pytest.fixture(params=[10.0, None])
def big(request: pytest.FixtureRequest) -> Apart:
    return Apart("word", name="big-model", takes_s=request.param)


@pytest.fixture
def ws(tmp_path: Path, big: Apart) -> Iterator[Workspace]:
    root = initialise(tmp_path / "ws")
    with (root / "afina.toml").open("a") as file:
        file.write('\n[engines.big]\nuse = "openai"\nurl = "http://127.0.0.1:1/v1"\nmodel = "big-model"\n')
    engines = {"local": Apart(NOT_FOUND["en"], takes_s=1.0), "big": big}
    with open_workspace(root, engines=engines, embedders={"minilm": WordEmbedder()}, environ={}) as ws:
        yield ws


def test_a_cascade_pays_for_both_of_its_engines(ws: Workspace, big: Apart) -> None:
    report = compare(ws, CASES, Design(large="big", arms=("large", "cascade"), early=False))
    cost = report.arm("cascade").cost.cpu_s
    assert report.arm("cascade").quality.value == 1.0  # the small one abstains, so the large one answers every case
    assert cost == pytest.approx(1.0 + (big.takes_s or 0.0), abs=0.1)


def test_engines_of_this_process_are_counted_once(ws: Workspace) -> None:
    recipes.put(ws.store, ws.scope, Recipe("far", "big"))
    routed = Recipe("two", "local", control=(Stage("routed", {"large": "far"}),))
    engines = {"local": EchoEngine(), "big": EchoEngine()}
    with open_workspace(ws.root, engines=engines, embedders={"minilm": WordEmbedder()}, environ={}) as inside:
        before, seconds, after = time.process_time(), cpu_of(inside, routed)(), time.process_time()
    assert seconds is not None
    assert before <= seconds <= after
