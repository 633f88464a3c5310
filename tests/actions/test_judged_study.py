"""Judges in a study: what their verdicts say of arms, what they are worth, and that they cost the arms nothing."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from afina.actions.compare import compare
from afina.actions.initialise import initialise
from afina.contracts import Prompt
from afina.domain.artefact import Recipe, Stage
from afina.domain.example import Case
from afina.domain.pair import Pair, pair_text
from afina.domain.report import Report
from afina.domain.row import Row
from afina.errors import BadRequest, EngineError, NotFound
from afina.evaluation.budget import Budget
from afina.evaluation.design import Design
from afina.store import recipes, studies
from afina.testing.echo import EchoEngine
from afina.testing.fakes import WordEmbedder
from afina.workspace import Workspace, open_workspace

CASES = [Case(f"c{n}", f"What is number {n}?", (f"word{n}",), lang="en") for n in range(60)]
Reply = Callable[[str, str], str]
ANSWERS = re.compile(r"<(?:answer|respuesta)_[12]>\n(.*?)\n</", re.DOTALL)


class Speaker:
    """Arms: "base" is right about every fourth number, "good" about every odd one too. A judge replies by the two
    answers that it reads; asked: how many pairs it has read."""

    def __init__(self) -> None:
        self.reply: Reply = perfect
        self.asked = 0

    def __call__(self, prompt: Prompt, choice: int) -> str:
        text = prompt.messages[-1].content
        shown = ANSWERS.findall(text)
        if shown:
            self.asked += 1
            return self.reply(*shown)
        number = int(re.findall(r"\d+", text)[-1])
        good = "Be good" in prompt.messages[0].content
        right = number % 4 == 0 or (good and number % 2 == 1)
        return f"word{number}" if right else f"I {'really ' * good}do not know {number}"


def perfect(first: str, second: str) -> str:
    one, other = first.startswith("word"), second.startswith("word")
    return json.dumps({"better": "equal" if one == other else "1" if one else "2"})


def first_always(first: str, second: str) -> str:
    return '{"better": "1"}'


def rambling(first: str, second: str) -> str:
    return "Both answers have their merits, though I lean towards 1"


def failing(first: str, second: str) -> str:
    raise EngineError("it broke", retriable=True)


@pytest.fixture
def speaker() -> Speaker:
    return Speaker()


@pytest.fixture
def engine(speaker: Speaker) -> EchoEngine:
    return EchoEngine(speaker)


@pytest.fixture
def ws(tmp_path: Path, engine: EchoEngine) -> Iterator[Workspace]:
    root = initialise(tmp_path / "ws")
    with open_workspace(root, engines={"local": engine}, embedders={"minilm": WordEmbedder()}, environ={}) as ws:
        good = Stage("prompt", {"instructions": "Be good"})
        recipes.put(ws.store, ws.scope, Recipe("good", "local", gather=(good,), sampling={"max_tokens": 64}))
        recipes.put(ws.store, ws.scope, Recipe("critic", "local"))
        yield ws


DESIGN = Design(arms=("base",), recipes=("good",), judge="critic", block=10)


def verdicts(ws: Workspace, report: Report) -> list[Row]:
    return [row for row in studies.rows_of(ws.store, ws.scope, report.id) if row.turn == "judge"]


def test_a_perfect_judge_prefers_the_better_arm_and_is_told_so(ws: Workspace, speaker: Speaker) -> None:
    report = compare(ws, CASES, DESIGN)
    (found,) = report.judges
    assert (found.judge, found.consistent, found.agrees, found.kappa, found.no_verdict) == ("critic", 1.0, 1.0, 1.0, 0)
    assert found.cases == 45  # the others are the same words in both arms, and are not asked
    assert speaker.asked == 2 * 45
    judged = report.arm("good").metrics["judged"]
    assert (judged.value, judged.cases) == ((30 + 30 * 0.5) / 60, 60)
    assert judged.low is not None
    assert judged.low > 0.5
    assert report.arm("base").metrics["judged"].value is None
    assert "judged" in report.figures
    shown = {r.case: r.rows["good"] for r in report.results}
    assert (shown["c1"].scores["judged"], shown["c1"].whys["judged"]) == (1.0, "preferred to the answer of base")
    assert shown["c4"].whys["judged"] == "the same words as the answer of base"


def test_a_judge_of_the_position_finds_all_equal_and_is_shown_at_chance(ws: Workspace, speaker: Speaker) -> None:
    speaker.reply = first_always
    report = compare(ws, CASES, DESIGN)
    (found,) = report.judges
    assert (found.consistent, found.agrees, found.kappa, found.no_verdict) == (0.0, 0.5, 0.0, 0)
    assert {row.scores["judged"] for row in verdicts(ws, report)} == {0.5}
    why = {r.case: r.rows["good"].whys["judged"] for r in report.results}["c1"]
    assert re.fullmatch(r"held equal to the answer of base \((first|second), in the other order (first|second)\)", why)


@pytest.mark.parametrize("reply", [rambling, failing])
def test_no_verdict_is_never_a_zero(ws: Workspace, speaker: Speaker, reply: Reply) -> None:
    speaker.reply = reply
    report = compare(ws, CASES, DESIGN)
    (found,) = report.judges
    assert (found.cases, found.no_verdict) == (45, 45)
    assert (found.consistent, found.agrees, found.kappa) == (None, None, None)
    judged = report.arm("good").metrics["judged"]
    assert (judged.value, judged.cases) == (0.5, 15)  # those in the same words
    assert {row.scores.get("judged") for row in verdicts(ws, report)} == {0.5, None}
    assert report.arm("good").failures == {}
    assert {r.rows["good"].scores["judged"] for r in report.results} == {0.5, None}


def test_a_judge_that_failed_is_asked_again_and_one_that_rambled_is_not(ws: Workspace, speaker: Speaker) -> None:
    speaker.reply = failing
    compare(ws, CASES, DESIGN)
    speaker.reply = rambling
    assert compare(ws, CASES, DESIGN).judges[0].no_verdict == 45
    speaker.reply, speaker.asked = perfect, 0
    assert compare(ws, CASES, DESIGN).judges[0].no_verdict == 45
    assert speaker.asked == 0


def test_a_killed_study_asks_at_most_one_block_again(ws: Workspace, speaker: Speaker) -> None:
    class PowerCut(BaseException):
        pass

    def until_dark(first: str, second: str) -> str:
        if speaker.asked == 47:
            raise PowerCut
        return perfect(first, second)

    speaker.reply = until_dark
    with pytest.RaisesGroup(PowerCut, allow_unwrapped=True, flatten_subgroups=True):
        compare(ws, CASES, DESIGN)
    stored = [
        r for r in studies.rows_of(ws.store, ws.scope, studies.latest(ws.store, ws.scope)[0].id) if r.turn == "judge"
    ]
    assert stored
    assert len(stored) % DESIGN.block == 0
    speaker.reply, speaker.asked = perfect, 0
    report = compare(ws, CASES, DESIGN)
    known = sum("consistent" in row.scores for row in stored)
    assert speaker.asked == 2 * (45 - known)
    assert report.judges[0].agrees == 1.0
    assert {row.key: row for row in stored}.items() <= {row.key: row for row in verdicts(ws, report)}.items()


def test_judging_costs_the_arms_nothing_and_decides_nothing(ws: Workspace) -> None:
    plain = compare(ws, CASES, replace(DESIGN, judge=None))
    judged = compare(ws, CASES, DESIGN)
    assert plain.id == judged.id  # who judges is no part of what is measured
    assert plain.judges == ()
    assert "judged" not in plain.arm("good").metrics
    for arm in ("base", "good"):
        one, other = plain.arm(arm), judged.arm(arm)
        assert one.quality == other.quality
        assert (one.cost.prompt_tokens, one.cost.completion_tokens) == (
            other.cost.prompt_tokens,
            other.cost.completion_tokens,
        )
    taken = [row.used.prompt_tokens for row in verdicts(ws, judged) if "consistent" in row.scores]
    assert min(taken) > 100
    assert all(not row.prompts for row in verdicts(ws, judged))


def test_a_budget_stops_the_judge_where_it_has_no_room(ws: Workspace, speaker: Speaker) -> None:
    arms = compare(ws, CASES, replace(DESIGN, judge=None))
    rows = studies.rows_of(ws.store, ws.scope, arms.id)
    spent = sum(row.used.prompt_tokens + row.used.completion_tokens for row in rows)
    design = replace(DESIGN, budget=Budget(tokens=spent + 6000))
    report = compare(ws, CASES, design)
    assert [(s.arm, s.why, s.limit) for s in report.stopped] == [("judge critic", "budget", "tokens")]
    assert 0 < len(verdicts(ws, report)) < len(CASES)
    assert report.arm("good").quality.cases == len(CASES)
    speaker.asked = 0
    assert compare(ws, CASES, design).stopped == report.stopped
    assert speaker.asked == 0


def test_a_study_in_spanish_is_judged_in_spanish(ws: Workspace, engine: EchoEngine) -> None:
    cases = [replace(c, question=f"¿Cuál es el número {n} de la lista?", lang="es") for n, c in enumerate(CASES)]
    report = compare(ws, cases, DESIGN)
    assert report.judges[0].agrees == 1.0
    read = [p.messages[-1].content for p in engine.asked if ANSWERS.search(p.messages[-1].content)]
    assert read
    assert all("Compara dos respuestas" in text and "<respuesta_correcta>\nword" in text for text in read)


def test_what_cannot_be_judged_is_refused_before_anything_is_asked(ws: Workspace, engine: EchoEngine) -> None:
    with pytest.raises(NotFound, match="critic"):
        compare(ws, CASES, replace(DESIGN, judge="critik"))
    with pytest.raises(BadRequest, match="no texts"):
        compare(ws, CASES, Design(task="search", judge="critic"))
    assert engine.asked == []


# --- the task: judges as arms, on pairs of which the better is known ---

PAIRS = [
    Case(f"p{n}", pair_text(Pair(f"What is number {n}?", *texts)), ("first" if n % 3 else "second",), lang="en")
    for n in range(30)
    for texts in [(f"word {n}", "who knows")[:: 1 if n % 3 else -1]]
]
JUDGING = Design(task="judge", arms=("base",), recipes=("critic",), block=10)


def test_judges_are_arms(ws: Workspace) -> None:
    report = compare(ws, PAIRS, JUDGING)
    assert [a.name for a in report.arms] == ["base", "critic"]
    assert report.primary == "agrees"
    for arm in report.arms:
        assert arm.quality.value == 1.0
        assert [arm.metrics[name].value for name in ("consistent", "verdict_given", "kappa")] == [1.0, 1.0, 1.0]
        assert [stage["use"] for stage in arm.recipe["control"]] == ["judging"]


@pytest.mark.parametrize(
    ("reply", "agrees", "given"), [(first_always, 0.5, 1.0), (rambling, None, 0.0), (failing, None, None)]
)
def test_judges_that_are_none(
    ws: Workspace, speaker: Speaker, reply: Reply, agrees: float | None, given: float | None
) -> None:
    speaker.reply = reply
    base = compare(ws, PAIRS, JUDGING).arm("base")
    assert base.quality.value == agrees
    assert base.metrics["verdict_given"].value == given
    assert base.metrics["kappa"].value == (0.0 if reply is first_always else None)
    assert sum(base.failures.values()) == (30 if reply is failing else 0)
