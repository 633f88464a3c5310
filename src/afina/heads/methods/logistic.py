"""Multinomial logistic regression with an L2 penalty on frozen embeddings: trains in seconds, needs few labels.

The penalty is chosen by stratified cross-validation, and so is one temperature for all logits (Guo et al. 2017,
arXiv 1706.04599), on rows that each fold's classifier has not seen. As a baseline: SetFit, arXiv 2209.11055.
Not here: rows that are near copies of each other fall into different folds and make the figures look better than they
are.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from afina.errors import BadRequest, EmptyExamples
from afina.heads.linear import Head, softmax

PENALTIES = (10.0, 1.0, 0.1, 0.01, 0.001)
"""Strengths tried, 1 / C of scikit-learn, the strongest first: of equals it stands."""

TEMPERATURES = np.geomspace(0.05, 5, 93)
FOLDS = 5
FEWEST = 2
"""Rows that each label needs: one to learn, one to be tried on."""

ITERATIONS = 500


@dataclass(frozen=True, slots=True)
class Tried:
    """One penalty on the folds, at its best temperature."""

    l2: float
    temperature: float
    log_loss: float
    accuracy: float


def fit(vectors: NDArray[np.float32], labels: Sequence[str], *, seed: int = 0, embedder: str = "") -> Head:
    """A head for rows of vectors (n, dim) float32 and their labels; the same rows and seed give the same head.

    The penalty and the temperature have the least mean log-loss out of fold. embedder: digest, to be kept with it.

    Raises:
        EmptyExamples: fewer than two labels, or fewer than two rows of one.
        BadRequest: vectors and labels do not go together, or a vector that is not finite.
    """
    _check(vectors, labels)
    names = tuple(sorted(set(labels)))
    gold = np.array([names.index(label) for label in labels])
    folds = min(FOLDS, *Counter(labels).values())
    parts = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(vectors, gold))
    with threadpool_limits(1):  # matrices are small: on a busy machine several threads take a hundred times as long
        best = min((_tried(vectors, gold, parts, l2) for l2 in PENALTIES), key=lambda tried: tried.log_loss)
        weights, bias = _solved(vectors, gold, best.l2)
    return Head(
        names, weights, bias, temperature=best.temperature, embedder=embedder, l2=best.l2, rows=len(gold), folds=folds,
        accuracy=best.accuracy, log_loss=best.log_loss,
    )  # fmt: skip


def _check(vectors: NDArray[np.float32], labels: Sequence[str]) -> None:
    if vectors.ndim != 2 or len(vectors) != len(labels):
        raise BadRequest(f"{len(labels)} labels do not go with vectors of shape {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise BadRequest("a vector holds a number that is not finite")
    counts = Counter(labels)
    if len(counts) < 2:
        raise EmptyExamples(f"a classifier needs rows of two labels, these have {len(counts)}: {', '.join(counts)}")
    rare = sorted(label for label, count in counts.items() if count < FEWEST)
    if rare:
        raise EmptyExamples(
            f"each label needs {FEWEST} rows, one to learn and one to be tried on; there is one of: {', '.join(rare)}"
        )


def _tried(
    vectors: NDArray[np.float32], gold: NDArray[np.int64], parts: Sequence[tuple[NDArray[np.int64], ...]], l2: float
) -> Tried:
    logits = np.zeros((len(gold), int(gold.max()) + 1), dtype=np.float32)
    for learnt, held in parts:
        weights, bias = _solved(vectors[learnt], gold[learnt], l2)
        logits[held] = vectors[held] @ weights.T + bias
    losses = [_log_loss(logits / temperature, gold) for temperature in TEMPERATURES]
    place = int(np.argmin(losses))
    accuracy = float((logits.argmax(axis=1) == gold).mean())
    return Tried(l2, float(TEMPERATURES[place]), losses[place], accuracy)


def _log_loss(logits: NDArray[np.float32], gold: NDArray[np.int64]) -> float:
    chosen = softmax(logits)[np.arange(len(gold)), gold]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def _solved(
    vectors: NDArray[np.float32], gold: NDArray[np.int64], l2: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(weights (labels, dim), bias (labels,)); every label is among `gold`."""
    model = LogisticRegression(C=1 / l2, max_iter=ITERATIONS).fit(vectors, gold)
    weights, bias = np.asarray(model.coef_, np.float32), np.asarray(model.intercept_, np.float32)
    if len(weights) == 1:  # of two labels scikit-learn keeps one row, whose logistic is the second label's share
        weights, bias = np.vstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    return weights, bias
