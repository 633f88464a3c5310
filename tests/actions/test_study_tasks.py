"""Every task through a whole study, on engines whose answers are known: what ranks the arms, and what stands beside."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from afina.actions.compare import compare, is_look
from afina.actions.ingest import add
from afina.actions.initialise import initialise
from afina.contracts import Prompt
from afina.domain.example import Case, Example
from afina.domain.message import Message
from afina.evaluation.design import Design
from afina.testing.echo import EchoEngine
from afina.testing.fakes import WordEmbedder
from afina.workspace import Workspace, open_workspace

QUEUES = {"bill": "billing", "line": "outage", "phone": "delivery"}


@pytest.fixture
def engine() -> EchoEngine:
    return EchoEngine("billing")


@pytest.fixture
def ws(tmp_path: Path, engine: EchoEngine) -> Iterator[Workspace]:
    root = initialise(tmp_path / "ws")
    with open_workspace(root, engines={"local": engine}, embedders={"minilm": WordEmbedder()}, environ={}) as ws:
        yield ws


def test_classify_with_a_head_on_frozen_embeddings(ws: Workspace) -> None:
    rows = [(f"my {word} of month {n} is wrong", label) for n in range(30) for word, label in QUEUES.items()]
    examples = [
        Example(f"e{n}", (Message("user", t), Message("assistant", label))) for n, (t, label) in enumerate(rows)
    ]
    ws.demonstrations.put(ws.scope, "desk", examples)
    cases = [Case(f"c{n}{w}", f"the {w} number {n} again", (label,)) for n in range(10) for w, label in QUEUES.items()]
    report = compare(ws, cases, Design(task="classify", arms=("head",), examples="desk"))
    assert report.arm("base").quality.value == pytest.approx(1 / 3)  # it always says "billing"
    assert report.arm("head").quality.value == 1.0
    assert report.arm("head").metrics["macro_f1"].value == 1.0
    assert report.arm("base").metrics["macro_f1"].value == pytest.approx(0.5 / 3)
    assert report.arm("head").metrics["ece"].value is not None
    assert report.recommendation.arm == "head"


def test_search_asks_no_model(ws: Workspace, engine: EchoEngine, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("gates", "boats", "bells", "lamps"):
        (folder / f"{name}.md").write_text(f"# {name}\n\nAll that there is to know of {name} stands here.\n")
    add(ws, folder)
    cases = [Case(name, f"tell me of {name}", (), relevant={f"{name}.md": 1.0}) for name in ("gates", "boats", "bells")]
    report = compare(ws, cases, Design(task="search"))
    assert [a.name for a in report.arms] == ["base", "dense", "hybrid"]
    assert report.arm("base").quality.value == 1.0
    assert report.arm("hybrid").metrics["recall_at_10"].value == 1.0
    assert not engine.asked


def test_extract_binds_the_answer_to_the_schema(ws: Workspace, engine: EchoEngine) -> None:
    engine.answers = json.dumps({"who": "Ann", "sum": 9.5})
    schema = {"type": "object", "properties": {"who": {"type": "string"}, "sum": {"type": "number"}}}
    cases = [Case("a", "Ann paid 9.50", (), fields={"who": "Ann", "sum": 9.5}),
             Case("b", "Bo paid 9.50", (), fields={"who": "Bo", "sum": 9.5})]  # fmt: skip
    report = compare(ws, cases, Design(task="extract", arms=("base",), schema=schema))
    assert report.arm("base").quality.value == pytest.approx((1 + 0.5) / 2)
    assert report.arm("base").metrics["fields_exact"].value == 0.5
    assert all(p.schema == schema for p in engine.asked)


def test_write_counts_the_checks_that_are_obeyed(ws: Workspace, engine: EchoEngine) -> None:
    engine.answers = "Dear Ann, your boat is late. The harbour"
    checks = {"include": ["Ann", "sorry"], "avoid": ["problem"], "ends_with": "The harbour"}
    report = compare(ws, [Case("a", "Tell Ann.", (), checks=checks)], Design(task="write", arms=("base",)))
    assert report.arm("base").quality.value == pytest.approx(3 / 4)


def test_summarise_reads_what_does_not_fit_in_parts(ws: Workspace, engine: EchoEngine) -> None:
    engine.context_tokens = 700

    def noting(prompt: Prompt, choice: int) -> str:
        return "The bell fell." if "The bell fell." in prompt.messages[-1].content else "Nothing much."

    engine.answers = noting
    text = " ".join(["It rained all day on the quay."] * 150) + " The bell fell. " + "The sea was calm. " * 40
    case = Case("a", f"Summarise in 20 words.\n\n{text}", (), checks={"facts": ["bell fell"], "max_words": 20})
    report = compare(ws, [case], Design(task="summarise", early=False))
    assert report.arm("base").quality.value == 0.0  # it cannot read so much, and fails
    assert sum(report.arm("base").failures.values()) == 1
    assert report.arm("lead").quality.value == 0.0  # it reads only the rain
    assert report.arm("in_parts").quality.value == 1.0


def test_long_studies_are_looked_at_ever_less_often() -> None:
    looks = [blocks for blocks in range(1, 1001) if is_look(25 * blocks, 25)]
    assert looks[:20] == list(range(1, 21))
    assert 50 < len(looks) < 80
