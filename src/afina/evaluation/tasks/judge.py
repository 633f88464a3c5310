"""Judging pairs of answers of which the better is known: how far a model can be trusted to compare answers.

The question of a case is a pair as a message (see domain/pair.py); its answer is 'first', 'second' or 'equal'. Rows
with `better` and `worse` become such cases. Every arm is asked about each pair in both orders. A case without a verdict
is left out of the agreement, not counted as wrong; how many have one stands beside it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afina.domain.artefact import Stage
from afina.domain.example import Case
from afina.domain.pair import JUDGING, verdict_of
from afina.domain.row import Row
from afina.evaluation.statistics.setwise import cohen_kappa, resampled
from afina.evaluation.task import Task


def kappa(cases: Sequence[Case], rows: Sequence[Row], groups: NDArray[np.int64]) -> tuple[float, float, float] | None:
    """Agreement with the labels beyond chance (Cohen 1960), over the cases with a verdict."""
    labels = [verdict_of(case.answers[0]) if case.answers else None for case in cases]
    said = [None if row.failed else verdict_of(row.answer) for row in rows]
    value = cohen_kappa(labels, said)
    if np.isnan(value):
        return None
    return value, *resampled(cohen_kappa, labels, said, groups=groups)


TASK = Task(
    name="judge",
    primary="agrees",
    scorers=("agrees", "consistent", "verdict_given"),
    setwise={"kappa": kappa},
    shown=("consistent", "verdict_given", "kappa"),
    max_tokens=64,
    control=(Stage(JUDGING),),
    failed_is_wrong=False,
)
