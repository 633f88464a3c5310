"""A study on the echo engine: arms, fairness, what is chosen where, resuming, and what is refused."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from afina.actions.compare import compare
from afina.actions.ingest import add
from afina.actions.initialise import initialise
from afina.actions.promote import promote
from afina.config import CollectionSection, Use
from afina.contracts import Prompt
from afina.domain.abstention import ANSWER_FORM, NOT_FOUND
from afina.domain.answer import collected
from afina.domain.ask import ask_of
from afina.domain.example import Case, Example
from afina.domain.message import Message
from afina.errors import BadRequest, Conflict, EmptyExamples, EngineError, InvalidRow, NotFound
from afina.evaluation.cases import load_cases
from afina.evaluation.design import Design
from afina.store import recipes, studies
from afina.testing.echo import EchoEngine
from afina.testing.fakes import WordEmbedder
from afina.workspace import Workspace, open_workspace

LAMPS = {f"lamp {n}": f"{n * 10} euros" for n in range(1, 31)}
CASES = [
    *(Case(f"c{n}", f"What does {name} cost?", (price,), lang="en") for n, (name, price) in enumerate(LAMPS.items())),
    *(Case(f"u{n}", f"Who made lamp {n}?", (), lang="en") for n in range(1, 9)),
]


def reader(prompt: Prompt, choice: int) -> str:
    """Reads a price that stands in its prompt; without sources it says a price that is wrong."""
    text = prompt.messages[-1].content
    question = text.rpartition("Question: ")[2]
    name = re.search(r"lamp \d+", question)
    if "Who made" in question:
        return NOT_FOUND["en"] if "[1]" in text else "a smith"
    found = re.search(rf"{name[0]} costs (\d+ euros)", text) if name else None
    return found[1] if found else "5 dollars"


@pytest.fixture
def engine() -> EchoEngine:
    return EchoEngine(reader)


@pytest.fixture
def ws(tmp_path: Path, engine: EchoEngine) -> Iterator[Workspace]:
    root = initialise(tmp_path / "ws")
    with open_workspace(root, engines={"local": engine}, embedders={"minilm": WordEmbedder()}, environ={}) as ws:
        folder = tmp_path / "docs"
        folder.mkdir()
        for name, price in LAMPS.items():
            (folder / f"{name}.md").write_text(f"# {name}\n\nThe {name} costs {price} in every shop.\n")
        add(ws, folder)
        yield ws


def shown(question: str, answer: str) -> Example:
    return Example(f"e-{question}", (Message("user", question), Message("assistant", answer)), group=question)


def test_knowledge_is_told_from_doing_nothing_and_recommended(ws: Workspace, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    report = compare(ws, CASES, out=[page])
    assert [a.name for a in report.arms] == ["base", "prompt", "knowledge"]
    assert report.arm("base").quality.value == 0
    assert report.arm("knowledge").quality.value == 1.0
    assert report.recommendation.arm == "knowledge"
    assert [c.arm for c in report.against_base if c.told_apart] == ["knowledge"]
    assert "knowledge made this model better: +100.0 points" in report.findings[1]
    assert {(left.arm, left.why) for left in report.skipped} == {
        ("examples", "no_examples"), ("nearest", "no_examples"), ("tuned", "no_tuned"), ("tuned+knowledge", "no_tuned"),
    }  # fmt: skip
    assert "What does lamp 7 cost?" in page.read_text()
    assert report.arm("knowledge").metrics["gold_in_prompt"].value is None  # the cases name no span


def test_every_arm_gets_the_same_instruction_on_the_form(ws: Workspace, engine: EchoEngine) -> None:
    compare(ws, CASES[:4])
    assert engine.asked
    for prompt in engine.asked:
        assert prompt.messages[0].content.endswith(ANSWER_FORM["en"])
        assert prompt.sampling.max_tokens == 64
        assert prompt.sampling.temperature == 0


def test_the_recommended_recipe_answers_as_it_was_measured(ws: Workspace, engine: EchoEngine) -> None:
    report = compare(ws, CASES[:6], Design(arms=("knowledge",)))
    recipe = recipes.recipe_of("shop", report.arm("knowledge").recipe)
    recipes.put(ws.store, ws.scope, recipe)
    engine.asked.clear()
    answer = ws.portal.run(_asked(ws, "What does lamp 3 cost?"))
    assert answer == "30 euros"
    assert engine.asked[0].messages[0].content == ANSWER_FORM["en"]


async def _asked(ws: Workspace, question: str) -> str:
    from_recipe = ws.answerer("shop")
    return (await collected(from_recipe(ask_of(question)))).text


def test_demonstrations_are_chosen_on_examples_and_never_hand_over_a_case(ws: Workspace, engine: EchoEngine) -> None:
    rows = [shown(f"What does the chair {n} of the old kitchen cost?", f"{n} euros") for n in range(40)]
    rows.append(shown(CASES[0].question, CASES[0].answers[0]))
    ws.demonstrations.put(ws.scope, "shop", rows)
    report = compare(ws, CASES[:10], Design(examples="shop", arms=("prompt", "examples")))
    assert report.overlap.exact == (CASES[0].id,)
    assert report.overlap.removed == 1
    assert report.arm("examples").preparation.tries == 3
    assert report.arm("prompt").preparation.tries == 3
    measured = [p for p in engine.asked if p.messages[-1].content in {c.question for c in CASES}]
    assert all("What does lamp 1 cost?" not in m.content for p in measured for m in p.messages[:-1])


def test_what_was_finished_is_not_asked_again(ws: Workspace, engine: EchoEngine) -> None:
    first = compare(ws, CASES, Design(arms=("knowledge",)))
    asked = len(engine.asked)
    second = compare(ws, CASES, Design(arms=("knowledge",)))
    assert len(engine.asked) == asked
    assert replace(second, created=0, results=()) == replace(first, created=0, results=())
    compare(ws, CASES, Design(arms=("knowledge",)), again=True)
    assert len(engine.asked) > asked


def test_an_interrupted_study_repeats_at_most_one_block(ws: Workspace, engine: EchoEngine) -> None:
    class PowerCut(BaseException):
        pass

    asked = 0

    def until_dark(prompt: Prompt, choice: int) -> str:
        nonlocal asked
        asked += 1
        if asked == 100:
            raise PowerCut
        return reader(prompt, choice)

    engine.answers = until_dark
    with pytest.RaisesGroup(PowerCut, allow_unwrapped=True, flatten_subgroups=True):
        compare(ws, CASES, Design(arms=("knowledge",)))
    engine.answers = reader
    kept = len(studies.rows_of(ws.store, ws.scope, studies.latest(ws.store, ws.scope)[0].id))
    assert kept > 40
    engine.asked.clear()
    report = compare(ws, CASES, Design(arms=("knowledge",)))
    assert len(engine.asked) <= 2 * (20 + len(CASES)) - kept + 2  # and one answer to warm each arm
    assert report.arm("knowledge").quality.value == 1.0


def test_a_case_that_fails_counts_as_wrong_and_stops_nothing(ws: Workspace, engine: EchoEngine) -> None:
    def fails_on_one(prompt: Prompt, choice: int) -> str:
        if "lamp 7 " in prompt.messages[-1].content.rpartition("Question: ")[2]:
            raise EngineError("it burnt out")
        return reader(prompt, choice)

    engine.answers = fails_on_one
    arm = compare(ws, CASES, Design(arms=("knowledge",))).arm("knowledge")
    assert arm.quality.value == pytest.approx(1 - 1 / len(CASES))
    assert sum(arm.failures.values()) == 1


def test_what_cannot_be_compared_is_refused_before_anything_is_asked(ws: Workspace, engine: EchoEngine) -> None:
    with pytest.raises(EmptyExamples):
        compare(ws, [])
    with pytest.raises(BadRequest, match="knowledge"):
        compare(ws, CASES, Design(arms=("knowlege",)))
    with pytest.raises(BadRequest, match="delta"):
        Design(delta=2)
    with pytest.raises(NotFound):
        compare(ws, CASES, Design(tuned=("nobody",)))
    with pytest.raises(NotFound):
        compare(ws, CASES, Design(examples="nothing"))
    assert engine.asked == []


def test_cases_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text("\n".join(json.dumps({"id": c.id, "question": c.question, "answers": c.answers}) for c in CASES))
    assert [c.question for c in load_cases(file)] == [c.question for c in CASES]


def test_another_setting_is_another_study(ws: Workspace, engine: EchoEngine) -> None:
    first = compare(ws, CASES[:4], Design(arms=("knowledge",)))
    lexical = CollectionSection(retriever=Use.model_validate({"use": "hybrid", "fusion": "lexical"}))
    ws.config = ws.config.model_copy(update={"collections": {"docs": lexical}})
    assert compare(ws, CASES[:4], Design(arms=("knowledge",))).id != first.id


def test_the_winner_answers_under_a_name(ws: Workspace, tmp_path: Path) -> None:
    report = compare(ws, CASES, Design(arms=("knowledge",)), out=[tmp_path / "new" / "folder" / "report.html"])
    assert (tmp_path / "new" / "folder" / "report.html").is_file()
    moved = promote(ws, report.id, name="shop")
    assert moved.arm == "knowledge"
    assert "shop" in ws.model_names()
    assert ws.portal.run(_asked(ws, "What does lamp 9 cost?")) == "90 euros"
    promote(ws, report.id, name="shop")  # its own name it may take again
    for taken in ("documents", "bundled-135m", " "):
        with pytest.raises(Conflict):
            promote(ws, report.id, name=taken)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"question": "caf\xe9?"}', "line 1: byte 18 is not UTF-8"),
        ('{"question": "a\u2028b", "answers": ["c"], "colour": 1}'.encode(), "line 1, field colour"),
    ],
)
def test_faults_of_a_file_are_told_by_line(tmp_path: Path, line: bytes, fault: str) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_bytes(line)
    with pytest.raises(InvalidRow, match=re.escape(fault)):
        load_cases(file)
