"""What a study asks of a model: how an answer is judged, the form that every arm is told, which arms fit.

A task is one file in `tasks/` with a `TASK`; its name is the file's. Words about it, by language, are in `show/words`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.domain.abstention import abstains
from afina.domain.artefact import Stage
from afina.domain.example import Case, Example
from afina.domain.row import Row

Setwise = Callable[[Sequence[Case], Sequence[Row], NDArray[np.int64]], tuple[float, float, float] | None]
"""A figure of a whole set of cases: (value, low, high) from the cases that were asked, their rows in the same order and
the group number of each. None: no verdict at all."""

COLLECTION, HEAD = "{collection}", "{head}"
"""In the options of a task's stages: what stands there in a study."""


def answer_case(example: Example, lang: str) -> Case:
    """An example as a case to choose on: its answer is the known one."""
    answers = () if abstains(example.answer) else (example.answer,)
    return Case(example.id, example.question, answers, group=example.group, lang=lang)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """primary: the scorer that arms are ranked by, in [0, 1]. scorers: all that are asked of every case, the primary
    one first; the next ones decide between equals when choosing on validation cases. setwise: figures that are no mean
    over cases. shown: of both, those that stand in the report's table, in order.

    form: language -> the instruction on the form of the answer, the same for every arm; {labels} and {schema} are
    filled in. max_tokens: the longest answer of any arm. arms: names of those that are built without being asked for,
    "base" (doing nothing) first. controls: arm -> the control stages that make it, for arms that are no set of gather
    mechanisms; COLLECTION and HEAD in their options are filled in. prompts: language -> instructions to choose among
    on validation cases; case_of: how an example becomes one. control: stages around every arm, recipes too.
    failed_is_wrong: what failing on a case counts as; else it is no verdict.
    """

    name: str
    primary: str
    scorers: tuple[str, ...]
    setwise: Mapping[str, Setwise] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    form: Mapping[str, str] = field(default_factory=dict)
    prompts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    max_tokens: int = 64
    arms: tuple[str, ...] = ("base",)
    controls: Mapping[str, tuple[Stage, ...]] = field(default_factory=dict)
    case_of: Callable[[Example, str], Case] = answer_case
    control: tuple[Stage, ...] = ()
    failed_is_wrong: bool = True

    def instruction(self, lang: str, *, labels: Sequence[str] = (), schema: Mapping[str, Any] | None = None) -> str:
        """The instruction on the form in a language (English, where it is not spoken)."""
        text = self.form.get(lang) or self.form.get("en", "")
        filled = text.replace("{labels}", ", ".join(labels))
        return filled.replace("{schema}", json.dumps(schema or {}, ensure_ascii=False))
