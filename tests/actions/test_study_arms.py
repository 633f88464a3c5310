"""Beyond asking: seeds of one arm, early stops, budgets, explicit recipes, promotion and its way back."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from afina.actions.compare import compare
from afina.actions.initialise import initialise
from afina.actions.promote import promote, roll_back
from afina.actions.studies import listed, report_of
from afina.config import CostsSection
from afina.contracts import Prompt
from afina.domain.artefact import Recipe, Stage
from afina.domain.example import Case, Example
from afina.domain.message import Message
from afina.domain.report import LeftOut
from afina.errors import BadRequest, Conflict, NotFound
from afina.evaluation.budget import Budget
from afina.evaluation.design import Design
from afina.store import artefacts, promotions, recipes
from afina.testing.echo import EchoEngine
from afina.testing.fakes import WordEmbedder
from afina.workspace import Workspace, open_workspace

CASES = [Case(f"c{n}", f"What is number {n}?", (f"word{n}",), lang="en") for n in range(120)]
Answers = Callable[[Prompt, int], str]


def right_up_to(most: int) -> Answers:
    """Right about the cases whose number is below `most`."""

    def answer(prompt: Prompt, choice: int) -> str:
        number = int(re.findall(r"\d+", prompt.messages[-1].content)[-1])
        return f"word{number}" if number < most else "nothing of it"

    return answer


@pytest.fixture
def engine() -> EchoEngine:
    return EchoEngine(right_up_to(20))


@pytest.fixture
def ws(tmp_path: Path, engine: EchoEngine) -> Iterator[Workspace]:
    root = initialise(tmp_path / "ws")
    with open_workspace(root, engines={"local": engine}, embedders={"minilm": WordEmbedder()}, environ={}) as ws:
        yield ws


def adapter(ws: Workspace, engine: EchoEngine, name: str, answers: Answers) -> None:
    """An adapter of this name that answers so."""
    folder = ws.root / f"made-{name}"
    folder.mkdir()
    (folder / "adapter.txt").write_text(name)
    meta = {"metrics": {"cpu_seconds": 50.0, "seconds": 30.0, "rows": 40, "steps": 5}}
    made = artefacts.put(ws.store, ws.root, ws.scope, kind="adapter", name=name, folder=folder, meta=meta)
    engine.adapters = {**engine.adapters, made.digest: answers}


def test_seeds_are_one_arm_and_their_spread_is_shown(ws: Workspace, engine: EchoEngine) -> None:
    for name, most in (("one", 60), ("two", 72), ("three", 84)):
        adapter(ws, engine, name, right_up_to(most))
    report = compare(ws, CASES, Design(tuned=("one", "two", "three"), arms=("tuned",)))
    tuned = report.arm("tuned")
    assert [a.name for a in report.arms] == ["base", "tuned"]
    assert tuned.members == ("tuned~1", "tuned~2", "tuned~3")
    assert tuned.quality.value == pytest.approx(0.6)
    assert tuned.spread is not None
    assert (tuned.spread.lowest, tuned.spread.highest, tuned.spread.sd) == pytest.approx((0.5, 0.7, 0.1))
    one = compare(ws, CASES, Design(tuned=("two",), arms=("tuned",))).arm("tuned")
    assert one.spread is None
    assert width(tuned.quality) > width(one.quality)  # it speaks of other seeds too
    assert sum(v is not None and 0 < v < 1 for v in (r.right["tuned"] for r in report.results)) == 24


def width(estimate: object) -> float:
    return estimate.high - estimate.low  # type: ignore[attr-defined, no-any-return]


def test_an_arm_that_is_shown_to_be_worse_is_asked_no_more(ws: Workspace, engine: EchoEngine) -> None:
    adapter(ws, engine, "good", right_up_to(200))
    ws.demonstrations.put(ws.scope, "shown", [example(n) for n in range(40)])
    design = Design(tuned=("good",), examples="shown", arms=("examples", "tuned"))
    report = compare(ws, CASES, design)
    (stopped,) = report.stopped
    assert (stopped.arm, stopped.why, stopped.against) == ("examples", "dominated", "tuned")
    assert stopped.high < -design.delta
    assert report.arm("examples").quality.cases < len(CASES)
    assert report.arm("base").quality.cases == len(CASES)  # doing nothing is measured to the end
    against = next(c for c in report.against_best if c.arm == "examples")
    assert against.test == "confidence sequence"
    assert against.told_apart
    assert report.recommendation.arm == "tuned"
    whole = compare(ws, CASES, Design(tuned=("good",), examples="shown", arms=("examples", "tuned"), early=False))
    assert not whole.stopped
    assert whole.arm("examples").quality.cases == len(CASES)


def example(n: int) -> Example:
    return Example(f"e{n}", (Message("user", f"Say the word of {n + 500}"), Message("assistant", f"w{n}")))


def test_an_arm_that_the_budget_has_no_room_for_is_left_out_and_said(ws: Workspace, engine: EchoEngine) -> None:
    long = Recipe("wordy", "local", gather=(Stage("prompt", {"instructions": "well " * 400}),))
    recipes.put(ws.store, ws.scope, long)
    tokens = 20_000
    report = compare(ws, CASES, Design(arms=("base",), recipes=("wordy",), budget=Budget(tokens=tokens), early=False))
    (stopped,) = report.stopped
    assert (stopped.arm, stopped.why, stopped.limit, stopped.of) == ("wordy", "budget", "tokens", tokens)
    assert stopped.would > tokens
    assert report.arm("wordy").quality.cases == 25
    assert report.recommendation.arm == "base"
    with pytest.raises(BadRequest, match="budget"):
        Budget(minutes=0)


def test_a_recipe_is_measured_as_it_is(ws: Workspace, engine: EchoEngine) -> None:
    recipes.put(ws.store, ws.scope, Recipe("mine", "local", gather=(Stage("prompt", {"instructions": "Be mine."}),)))
    report = compare(ws, CASES[:4], Design(arms=("base",), recipes=("mine",)))
    assert [a.name for a in report.arms] == ["base", "mine"]
    assert any(p.messages[0].content == "Be mine." for p in engine.asked)
    with pytest.raises(NotFound):
        compare(ws, CASES[:4], Design(recipes=("yours",)))


def test_a_report_is_made_anew_from_the_store_with_what_the_model_read(ws: Workspace) -> None:
    report = compare(ws, CASES[:30], Design(arms=("prompt",)), name="numbers")
    again = report_of(ws, "numbers")
    assert again == report
    row = next(r for r in report.results if r.case == "c3").rows["prompt"]
    read = [report.texts[name] for name in row.prompts[0]]
    assert read[0][0] == "system"
    assert read[-1] == ("user", "What is number 3?")
    (known,) = listed(ws)
    assert (known.name, known.cases, known.finished) == ("numbers", 30, True)


def test_promotion_needs_proof_and_can_be_taken_back(ws: Workspace, engine: EchoEngine) -> None:
    adapter(ws, engine, "good", right_up_to(200))
    adapter(ws, engine, "bad", right_up_to(5))
    first = compare(ws, CASES, Design(arms=("base", "prompt")), name="first")
    promote(ws, first.id, name="numbers", arm="base", anyway=True)
    second = compare(ws, CASES, Design(tuned=("good",), arms=("tuned",)), name="second")
    moved = promote(ws, "second", name="numbers")
    assert moved.arm == second.recommendation.arm == "tuned"
    assert ws.recipe("numbers").adapter is not None
    third = compare(ws, CASES, Design(tuned=("bad",), arms=("tuned",)), name="third")
    with pytest.raises(Conflict, match="did not measure what answers"):
        promote(ws, third.id, name="numbers")
    with pytest.raises(Conflict, match="may be worse than base"):
        promote(ws, third.id, name="others", arm="tuned")
    with pytest.raises(NotFound, match='"tuned"'):
        promote(ws, third.id, name="others", arm="tunde")
    assert roll_back(ws, "numbers").recipe == moved.before
    assert ws.recipe("numbers").adapter is None
    with pytest.raises(Conflict, match="nothing answered"):
        roll_back(ws, "numbers")
    assert [p.undone is None for p in promotions.of_name(ws.store, ws.scope, "numbers")] == [True, False]


def test_what_each_mechanism_adds(ws: Workspace, engine: EchoEngine) -> None:
    adapter(ws, engine, "good", right_up_to(60))
    design = Design(tuned=("good",), arms=("prompt", "tuned", "tuned+prompt"), early=False)
    effects = {e.factors: e.difference for e in compare(ws, CASES, design).effects}
    assert effects[("tuned",)] == pytest.approx(40 / 120)
    assert effects[("prompt",)] == pytest.approx(0)
    assert effects[("prompt", "tuned")] == pytest.approx(0)


def test_arms_that_are_none_are_refused(ws: Workspace) -> None:
    for wrong in ("tuned+tuned", "head+prompt", "tunde", "cascade+prompt"):
        with pytest.raises(BadRequest):
            compare(ws, CASES[:4], Design(arms=(wrong,), tuned=()))
    report = compare(ws, CASES[:4], Design(arms=("large", "cascade")))
    assert set(report.skipped) == {LeftOut("large", "no_large"), LeftOut("cascade", "no_large")}


def test_a_large_engine_and_a_cascade_to_it(tmp_path: Path) -> None:
    root = initialise(tmp_path / "two")
    with (root / "afina.toml").open("a") as file:
        file.write('\n[engines.big]\nuse = "openai"\nurl = "http://127.0.0.1:1/v1"\nmodel = "big-model"\n')
    small, big = EchoEngine(right_up_to(40)), EchoEngine(right_up_to(110), name="big-model")
    engines = {"local": small, "big": big}
    with open_workspace(root, engines=engines, embedders={"minilm": WordEmbedder()}, environ={}) as ws:
        report = compare(ws, CASES, Design(large="big", arms=("large", "cascade"), early=False))
        assert report.arm("large").quality.value == pytest.approx(110 / 120)
        assert report.arm("cascade").quality.value is not None
        assert all(p.messages[0].content.startswith("Answer with the shortest") for p in big.asked)
        assert report.arm("cascade").recipe["control"][0]["options"]["large"] == f"{report.id}-large"
        moved = promote(ws, report.id, name="best", arm="cascade", anyway=True)
        assert ws.answerer(moved.name)


def test_a_study_is_widened_and_what_was_measured_is_kept(ws: Workspace, engine: EchoEngine) -> None:
    first = compare(ws, CASES, Design(arms=("base",)))
    engine.asked.clear()
    second = compare(ws, CASES, Design(arms=("base", "prompt"), delta=0.05, budget=Budget(tokens=10**9)))
    assert second.id == first.id
    assert all(len(p.messages) == 2 and p.messages[0].content.startswith("You answer") for p in engine.asked)
    assert len(engine.asked) == len(CASES) + 20 + 1  # both passes of one arm, and one answer to warm it
    assert second.arm("base").quality == first.arm("base").quality
    assert report_of(ws, first.id).recommendation.delta == 0.05


def test_another_wording_of_an_example_is_another_study(ws: Workspace) -> None:
    rows = [example(n) for n in range(40)]
    ws.demonstrations.put(ws.scope, "shown", rows)
    before = compare(ws, CASES[:20], Design(arms=("examples",), examples="shown"))
    turns = (rows[0].messages[0], Message("assistant", "other words"))
    ws.demonstrations.put(ws.scope, "shown", [Example(rows[0].id, turns), *rows[1:]])
    assert compare(ws, CASES[:20], Design(arms=("examples",), examples="shown")).id != before.id


def test_an_arm_of_several_seeds_is_promoted_by_the_one_that_is_served(ws: Workspace, engine: EchoEngine) -> None:
    for name, most in (("worst", 70), ("better", 118), ("best", 119)):
        adapter(ws, engine, name, right_up_to(most))
    recipes.put(ws.store, ws.scope, Recipe("rival", "local", gather=(Stage("prompt", {"instructions": "Rival."}),)))
    engine.answers = lambda prompt, choice: right_up_to(95 if "Rival" in prompt.messages[0].content else 20)(prompt, 0)
    design = Design(tuned=("worst", "better", "best"), arms=("tuned",), recipes=("rival",), delta=0.1, early=False)
    report = compare(ws, CASES, design)
    assert report.recommendation.best == "tuned"
    with pytest.raises(Conflict, match="tuned may be worse than rival"):
        promote(ws, report.id, name="rival", arm="tuned")


def test_what_counts_cost_is_kept_with_the_study(ws: Workspace) -> None:
    report = compare(ws, CASES[:30], Design(arms=("prompt",)))
    ws.config = ws.config.model_copy(update={"costs": CostsSection(cpu_hour_price=3.0)})
    assert report_of(ws, report.id) == report


def test_a_limit_that_cannot_be_kept_is_refused_at_once(tmp_path: Path) -> None:
    root = initialise(tmp_path / "two")
    with (root / "afina.toml").open("a") as file:
        file.write('\n[engines.big]\nuse = "openai"\nurl = "http://127.0.0.1:1/v1"\nmodel = "big-model"\n')
    small, big = EchoEngine(right_up_to(40)), EchoEngine(right_up_to(110), name="big-model")
    with open_workspace(root, engines={"local": small, "big": big}, environ={}) as ws:
        for budget in (Budget(money=1), Budget(energy_wh=1)):
            with pytest.raises(BadRequest, match=r"elsewhere|price_in"):
                compare(ws, CASES, Design(large="big", budget=budget))
    assert not small.asked
