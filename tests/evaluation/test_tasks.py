"""Tasks: that what they name is there, what they tell a model, and the figures of a classification by hand."""

import numpy as np
import pytest

from afina import plugins
from afina.domain.example import Case
from afina.domain.row import Row
from afina.evaluation.task import Task
from afina.evaluation.tasks import classify, extract

TASKS: list[Task] = [plugins.load("evaluation.tasks", name).TASK for name in plugins.known("evaluation.tasks")]


def test_every_task_of_the_plan_is_there() -> None:
    assert {t.name for t in TASKS} >= {"answer", "classify", "search", "extract", "write", "summarise"}
    assert {t.name for t in TASKS} == set(plugins.known("evaluation.tasks"))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_what_a_task_names_is_there(task: Task) -> None:
    known = plugins.known("evaluation.scorers")
    assert set(task.scorers) <= set(known)
    assert task.scorers[0] == task.primary
    assert set(task.shown) <= {*task.scorers, *task.setwise}
    assert task.arms[0] == "base"
    assert set(task.controls) <= set(task.arms)
    for stages in task.controls.values():
        assert {stage.use for stage in stages} <= set(plugins.known("mechanisms.control"))
    assert set(task.form) == set(task.prompts or task.form)


def test_the_form_says_the_labels_or_the_schema() -> None:
    assert "fits the text: bills, faults?" in classify.TASK.instruction("en", labels=("bills", "faults"))
    assert "bills, faults" in classify.TASK.instruction("es", labels=("bills", "faults"))
    assert '{"type": "object"}' in extract.TASK.instruction("es", schema={"type": "object"})


CASES = [Case(f"c{n}", "?", answers) for n, answers in enumerate([("a",), ("a",), ("b",), ("b",), ("c", "b")])]
GROUPS = np.arange(5)


def row(case: int, answer: str, *, failed: str = "", sure: float | None = None) -> Row:
    scores = {"label_correct": float(answer.lower() in CASES[case].answers), "confidence": sure}
    return Row(arm="x", case=f"c{case}", turn="quality", block=0, answer=answer, scores=scores, failed=failed)


def test_macro_figures_by_hand() -> None:
    """Said: a, nothing (failed), A, B, b. 'b' is right of c or b. a: 1 hit, 2 known, 2 said: F1 1/2, recall 1/2.
    b: 2 hits, 3 known, 2 said: F1 4/5, recall 2/3."""
    rows = [row(0, "a"), row(1, "a", failed="it broke"), row(2, "A."), row(3, "Label: B"), row(4, "b")]
    found = {name: figure(CASES, rows, GROUPS) for name, figure in classify.TASK.setwise.items()}
    f1, recall = found["macro_f1"], found["macro_recall"]
    assert f1 is not None
    assert f1[0] == pytest.approx((1 / 2 + 4 / 5) / 2)
    assert recall is not None
    assert recall[0] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert 0 <= f1[1] <= f1[0] <= f1[2] <= 1
    assert found["ece"] is None  # nobody said how sure it is


def test_what_is_no_label_is_no_prediction() -> None:
    rows = [row(0, "a"), row(1, "a"), row(2, "something"), row(3, ""), row(4, "b")]
    found = classify.TASK.setwise["macro_f1"](CASES, rows, GROUPS)
    assert found is not None
    assert found[0] == pytest.approx((1 + 2 / 4) / 2)  # b: 1 hit, 3 known, 1 said


def test_calibration_by_hand() -> None:
    """Both at 0.9, one right: |0.9 - 0.5|. A failed row and one without probabilities say nothing."""
    rows = [row(0, "a", sure=0.9), row(1, "b", sure=0.9), row(2, "b"), row(3, "b", sure=0.1, failed="x"), row(4, "b")]
    found = classify.TASK.setwise["ece"](CASES, rows, GROUPS)
    assert found is not None
    assert found[0] == pytest.approx(0.4)


def test_cases_without_labels_have_no_figure() -> None:
    assert classify.TASK.setwise["macro_f1"]([Case("x", "?", ())], [row(0, "a")], np.arange(1)) is None
