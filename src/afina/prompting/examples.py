"""Choosing demonstrations: the first of a set, or those whose questions are nearest to the one asked."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from afina.contracts import Embedder
from afina.domain.example import Example

Choose = Callable[[str], tuple[Example, ...]]


def fixed(examples: Sequence[Example], *, count: int) -> Choose:
    chosen = tuple(examples[:count])
    return lambda question: chosen


def nearest_to(examples: Sequence[Example], embedder: Embedder, *, count: int) -> Choose:
    """By cosine of question embeddings; the nearest stands last, next to the question.

    An example that asks the very same question is left out: it would hand over its answer.
    """
    matrix: NDArray[np.float32] = embedder.embed([e.question for e in examples], kind="query")

    def choose(question: str) -> tuple[Example, ...]:
        likeness = matrix @ embedder.embed([question], kind="query")[0]
        order = [int(i) for i in np.argsort(-likeness, kind="stable") if examples[int(i)].question != question]
        return tuple(examples[i] for i in reversed(order[:count]))

    return choose
