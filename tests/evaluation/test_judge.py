"""Judges by hand: what agreement is worth, scorers of verdicts, rows with a better and a worse answer."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from afina.contracts import Score
from afina.domain.answer import Answer, Chose, Label
from afina.domain.example import Case
from afina.domain.pair import JUDGING, Pair, pair_of, pair_text, swapped
from afina.domain.report import Agreement
from afina.domain.row import Row
from afina.errors import InvalidRow
from afina.evaluation.cases import load_cases
from afina.evaluation.judge import agreement, pair_case, place_of
from afina.evaluation.scorers import agrees, consistent, verdict_given
from afina.evaluation.tasks import judge

DATA = os.environ.get("AFINA_DATA")
CASES = [Case(f"c{n}", f"Question {n}?", (f"word{n}",), lang="en") for n in range(40)]


def said(*orders: str, text: str = "") -> Answer:
    """A judge's answer from what it said in each order, as of the pair as it was given."""
    one, other = orders
    chosen = tuple(Chose(verdict, stage=JUDGING) for verdict in orders)
    verdict = one if one == other else "equal"
    return Answer(text=text or verdict, label=None if text else Label({verdict: 1.0}), chosen=chosen)


@pytest.mark.parametrize(
    ("label", "answer", "agreed", "same", "given"),
    [
        ("first", said("first", "first"), 1.0, 1.0, 1.0),
        ("first", said("second", "second"), 0.0, 1.0, 1.0),
        ("first", said("first", "second"), 0.5, 0.0, 1.0),
        ("first", said("equal", "equal"), 0.5, 1.0, 1.0),
        ("equal", said("equal", "equal"), 1.0, 1.0, 1.0),
        ("equal", said("first", "first"), 0.5, 1.0, 1.0),
        ("first", said("no verdict", "first", text="no verdict: it rambled"), None, None, 0.0),
        ("first", Answer(text=" First\n"), 1.0, None, 1.0),
        ("first", Answer(text="The first one."), None, None, 0.0),
        ("first", Answer(label=Label({"second": 0.7, "first": 0.3})), 0.0, None, 1.0),
        ("whatever", said("first", "first"), None, 1.0, 1.0),
    ],
)
def test_scorers(label: str, answer: Answer, agreed: float | None, same: float | None, given: float | None) -> None:
    case = Case("c", "?", (label,))
    scores: list[Score] = [scorer.score(case, answer) for scorer in (agrees, consistent, verdict_given)]
    assert [score.value for score in scores] == [agreed, same, given]
    assert all(score.why for score in scores[:2] if score.value is None)


def test_no_label_is_no_verdict() -> None:
    assert agrees.score(Case("c", "?", ()), said("first", "first")).value is None


def row(arm: str, case: Case, right: float | None, *, answer: str = "") -> Row:
    return Row(arm=arm, case=case.id, turn="quality", block=0, answer=answer or arm, scores={"correct": right})


def verdict(case: Case, judged: float | None, *, same: float | None = 1.0, failed: str = "") -> Row:
    """What a judge said of the arm "x" on a case: 1 is that its answer is better."""
    place = place_of("x", case.id)
    answer = {1.0: place, 0.5: "equal", 0.0: swapped(place), None: "no verdict: it rambled"}[judged]
    scores = {} if failed else {"judged": judged, "consistent": same}
    return Row(arm="x", case=case.id, turn="judge", block=0, answer=answer, scores=scores, failed=failed)


def measured(right: Sequence[float], base: Sequence[float]) -> list[Row]:
    pairs = zip(CASES, right, base, strict=True)
    return [row(arm, case, value) for case, x, b in pairs for arm, value in (("x", x), ("base", b))]


EVEN = [float(n % 2) for n in range(40)]
ODD = [1 - value for value in EVEN]


def test_a_perfect_judge_agrees_beyond_chance() -> None:
    found = agreement(
        "critic", [verdict(c, v) for c, v in zip(CASES, EVEN, strict=True)], measured(EVEN, ODD), "correct"
    )
    assert found == Agreement("critic", 40, 1.0, 1.0, 1.0, 0)


def test_a_perfect_judge_of_an_arm_that_always_wins_agrees_beyond_chance() -> None:
    """Places are mixed by hash, so chance is half whoever wins."""
    found = agreement("critic", [verdict(c, 1.0) for c in CASES], measured([1.0] * 40, [0.0] * 40), "correct")
    assert (found.agrees, found.kappa) == (1.0, 1.0)
    places = [place_of("x", c.id) for c in CASES]
    assert 10 <= places.count("first") <= 30


def test_a_judge_of_the_position_is_at_chance() -> None:
    found = agreement("p", [verdict(c, 0.5, same=0.0) for c in CASES], measured(EVEN, ODD), "correct")
    assert (found.consistent, found.agrees, found.kappa) == (0.0, 0.5, 0.0)


def test_a_judge_that_is_always_wrong_is_below_chance() -> None:
    found = agreement("w", [verdict(c, v) for c, v in zip(CASES, ODD, strict=True)], measured(EVEN, ODD), "correct")
    assert found.agrees == 0.0
    assert found.kappa == pytest.approx(-1.0, abs=0.1)


def test_no_verdict_is_no_disagreement() -> None:
    rows = [verdict(c, v if n < 30 else None, same=None if n >= 30 else 1.0, failed="it broke" if n >= 35 else "")
            for n, (c, v) in enumerate(zip(CASES, EVEN, strict=True))]  # fmt: skip
    assert agreement("r", rows, measured(EVEN, ODD), "correct") == Agreement("r", 40, 1.0, 1.0, 1.0, 10)
    none = agreement("r", [verdict(c, None, same=None) for c in CASES], measured(EVEN, ODD), "correct")
    assert none == Agreement("r", 40, None, None, None, 40)


def test_where_nothing_tells_the_answers_apart_there_is_nothing_to_agree_with() -> None:
    found = agreement("c", [verdict(c, 1.0) for c in CASES], measured(EVEN, EVEN), "correct")
    assert (found.consistent, found.agrees, found.kappa) == (1.0, None, None)


def test_pairs_that_were_not_asked_do_not_count() -> None:
    same = Row(arm="x", case="c0", turn="judge", block=0, answer="equal", scores={"judged": 0.5})
    assert agreement("c", [same], measured(EVEN, ODD), "correct") == Agreement("c", 0, None, None, None, 0)


def test_a_pair_holds_both_answers_and_what_is_known() -> None:
    for case in CASES:
        made = pair_case(case, row("x", case, 1.0), row("base", case, 0.0))
        pair = pair_of(made.question)
        assert pair is not None
        first = made.answers == ("first",)
        assert (pair.first, pair.second) == (("x", "base") if first else ("base", "x"))
        assert (pair.question, pair.reference) == (case.question, case.answers[0])
    unanswerable = pair_case(
        replace(CASES[0], answers=(), lang="es"), row("x", CASES[0], 1.0), row("base", CASES[0], 0.0)
    )
    assert '"reference": "no está en los documentos"' in unanswerable.question
    checked = replace(CASES[0], answers=(), checks={"max_words": 4})
    assert "reference" not in pair_case(checked, row("x", CASES[0], 1.0), row("base", CASES[0], 0.0)).question


def test_kappa_of_a_task_leaves_out_what_has_no_verdict() -> None:
    cases = [replace(c, answers=("first" if n % 2 else "second",)) for n, c in enumerate(CASES)]
    rows = [row("x", c, None, answer=c.answers[0] if n < 30 else "no verdict: x") for n, c in enumerate(cases)]
    figure = judge.kappa(cases, rows, np.arange(40))
    assert figure is not None
    value, low, high = figure
    assert value == 1.0
    assert 0.5 < low < 1.0 <= high
    assert judge.kappa(cases, [replace(r, answer="?") for r in rows], np.arange(40)) is None
    biased = judge.kappa(cases, [replace(r, answer="equal") for r in rows], np.arange(40))
    assert biased is not None
    assert biased[0] == 0.0


# --- rows with a better and a worse answer ---


def written(folder: Path, *rows: Mapping[str, object]) -> Path:
    file = folder / "pairs.jsonl"
    file.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in rows))
    return file


def test_the_better_answer_stands_first_about_half_the_time(tmp_path: Path) -> None:
    cases = load_cases(
        written(
            tmp_path,
            *({"id": f"p{n}", "question": "Which?", "better": f"yes {n}", "worse": f"no {n}"} for n in range(200)),
        )
    )
    for case in cases:
        pair = pair_of(case.question)
        assert pair is not None
        assert (pair.first if case.answers == ("first",) else pair.second).startswith("yes")
    assert 70 <= sum(case.answers == ("first",) for case in cases) <= 130
    assert load_cases(tmp_path / "pairs.jsonl") == cases


def test_pairs_of_one_question_are_different_cases(tmp_path: Path) -> None:
    one = {"question": "¿Cuál?", "better": "sí", "worse": "no", "reference": "sí", "group": "g"}
    first, second = load_cases(written(tmp_path, one, {**one, "worse": "nunca"}))
    assert first.id != second.id
    assert first.group == "g"
    assert pair_of(first.question) in (Pair("¿Cuál?", "sí", "no", "sí"), Pair("¿Cuál?", "no", "sí", "sí"))


def test_a_row_may_be_a_pair_as_a_message(tmp_path: Path) -> None:
    (case,) = load_cases(written(tmp_path, {"question": pair_text(Pair("q", "a", "b")), "answer": "equal"}))
    assert agrees.score(case, said("equal", "equal")).value == 1.0


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"question": "q", "better": "a"}, "field worse: a pair needs a question, a better and a worse answer"),
        ({"question": "q", "worse": "a"}, "field better: a pair needs"),
        ({"better": "a", "worse": "b"}, "field question: a pair needs"),
        ({"question": "q", "better": "a", "worse": 3}, "field worse: 3 is not text"),
        ({"question": "q", "reference": "a"}, "field better: a pair needs"),
        ({"question": "q", "better": "a", "worse": "b", "answer": "first"}, "field answer: the row says what is right"),
    ],
)
def test_faults_of_pairs(tmp_path: Path, row: dict[str, object], fault: str) -> None:
    with pytest.raises(InvalidRow, match=fault):
        load_cases(written(tmp_path, row))


@pytest.mark.skipif(not DATA, reason="AFINA_DATA is not set")
def test_a_sample_of_ultrafeedback_is_read_as_pairs(tmp_path: Path) -> None:
    source = Path(DATA or "") / "ultrafeedback_small" / "test.jsonl"
    given = [json.loads(line) for line in source.read_text().splitlines()]
    usable = [g for g in given if g["chosen"].strip() and g["rejected"].strip()]
    rows = [
        {"id": g["id"], "question": g["prompt"][-1]["content"], "better": g["chosen"], "worse": g["rejected"]}
        for g in usable
    ]
    cases = load_cases(written(tmp_path, *rows))
    assert len(cases) == len(rows) > 100
    share = sum(case.answers == ("first",) for case in cases) / len(cases)
    assert 0.4 < share < 0.6
    assert all(pair_of(case.question) for case in cases)
