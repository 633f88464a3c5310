"""How near an answer's meaning is to a known one: the cosine of their embeddings, what is below 0 counted as 0.

Not a quality by itself: a text that says the opposite in the same words is near. It stands beside the checks.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from afina.contracts import Embedder, Score, Scorer
from afina.domain.answer import Answer
from afina.domain.example import Case

KEPT = 4096
"""Vectors of known answers that are kept, since every arm is held against the same."""


def build(embedder: Embedder) -> Scorer:
    @lru_cache(maxsize=KEPT)
    def known(text: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = embedder.embed([text])[0]
        return vector

    def score(case: Case, answer: Answer, /) -> Score:
        """In [0, 1], the best over the known answers; no verdict where the case has none."""
        if not case.answers:
            return Score(None, "the case has no known answer")
        if not answer.text.strip():
            return Score(0.0, "nothing was said")
        said = embedder.embed([answer.text])[0]
        cosine = max(float(said @ known(text)) for text in case.answers)
        return Score(min(1.0, max(0.0, cosine)))

    return score
