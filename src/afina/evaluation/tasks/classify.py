"""Giving a text one of the labels that there are.

The question of a case is the text; its answer is the label. Where a model writes its label, the first line counts;
what is none of the known labels is no prediction, and wrong.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afina.domain.artefact import Stage
from afina.domain.example import Case
from afina.domain.row import Row
from afina.evaluation.scorers._labels import said_label, same_label
from afina.evaluation.statistics import setwise
from afina.evaluation.task import HEAD, Setwise, Task

Groups = NDArray[np.int64]
Found = tuple[float, float, float] | None


def over_labels(figure: setwise.Figure) -> Setwise:
    """A figure of known and predicted labels. Where a case has several, the one that was said is the known one."""

    def found(cases: Sequence[Case], rows: Sequence[Row], groups: Groups) -> Found:
        labels = sorted({label for case in cases for label in case.answers})
        pairs = [(case, _predicted(row, labels)) for case, row in zip(cases, rows, strict=True)]
        there = [bool(case.answers) for case in cases]
        gold = [said if said in case.answers else case.answers[0] for case, said in pairs if case.answers]
        predicted = [said for case, said in pairs if case.answers]
        if not gold:
            return None
        low, high = setwise.resampled(figure, gold, predicted, groups=groups[there])
        return figure(gold, predicted), low, high

    return found


def calibration(cases: Sequence[Case], rows: Sequence[Row], groups: Groups) -> Found:
    """How far a classifier's confidence is from how often it is right, for arms that say their probabilities."""
    sure, right = (_scores(rows, scorer) for scorer in ("confidence", "label_correct"))
    if np.isnan(sure + right).all():
        return None
    figure = setwise.expected_calibration_error
    low, high = setwise.resampled(figure, sure, right, groups=groups)
    return figure(sure, right), low, high


def _predicted(row: Row, labels: Sequence[str]) -> str | None:
    said = said_label(row.answer)
    return None if row.failed else next((label for label in labels if same_label(said, label)), None)


def _scores(rows: Sequence[Row], scorer: str) -> NDArray[np.float64]:
    """NaN where there is no verdict, or no answer."""
    values = [None if row.failed else row.scores.get(scorer) for row in rows]
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


TASK = Task(
    name="classify",
    primary="label_correct",
    scorers=("label_correct", "contains_gold", "confidence"),
    setwise={
        "macro_f1": over_labels(setwise.macro_f1),
        "macro_recall": over_labels(setwise.macro_recall),
        "ece": calibration,
    },
    shown=("macro_f1", "macro_recall", "ece", "contains_gold"),
    form={
        "en": "Which of these labels fits the text: {labels}? Reply with the name of the label only.",
        "es": "¿Cuál de estas etiquetas corresponde al texto: {labels}? Responde solo con el nombre de la etiqueta.",
    },
    prompts={
        "en": (
            "You sort texts. Read the whole text, think of what its writer wants now, and choose the one label that "
            "says it. Never invent a label.",
            "You sort texts. Single words mislead: choose the label by what the text is for, not by what it mentions.",
            "You are an expert at labelling texts. Compare the text with each label in turn and give the best one.",
        ),
        "es": (
            "Clasificas textos. Lee el texto entero, piensa qué quiere ahora quien lo escribe y elige la única "
            "etiqueta que lo dice. No inventes etiquetas.",
            "Clasificas textos. Las palabras sueltas engañan: elige la etiqueta por lo que pide el texto, no por lo "
            "que menciona.",
            "Etiquetas textos con experiencia. Compara el texto con cada etiqueta, una por una, y da la mejor.",
        ),
    },
    max_tokens=24,
    arms=("base", "prompt", "examples", "nearest", "tuned", "head"),
    controls={"head": (Stage("head", {"head": HEAD}),)},
)
