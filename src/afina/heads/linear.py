"""A linear classifier on frozen embeddings: what it holds, what it says, and its files. NumPy alone; fitting it is a
method of `methods/`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.errors import BrokenArtefact, Conflict

WEIGHTS, BIAS, NOTES = "weights.npy", "bias.npy", "head.json"
FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """softmax((vectors @ weights.T + bias) / temperature) over the labels.

    labels: sorted, each once. weights (labels, dim) float32, bias (labels,) float32. temperature: above 1 where the
    logits were too sure of themselves on rows that they were not fitted on. embedder: digest of what made the vectors.
    l2: strength of the penalty. rows: fitted on. accuracy, log_loss: mean over rows out of fold, with the temperature
    (which was chosen on them); chosen on `folds` folds.
    """

    labels: tuple[str, ...]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    temperature: float = 1.0
    embedder: str = ""
    l2: float = 0.0
    rows: int = 0
    folds: int = 0
    accuracy: float | None = None
    log_loss: float | None = None

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, dim) float32 -> (n, labels) float32, each row summing to 1, columns in the order of `labels`.

        Raises:
            Conflict: vectors of another length than it was fitted on.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.weights.shape[1]:
            raise Conflict(f"this head reads rows of {self.weights.shape[1]} numbers, these are {vectors.shape}")
        return softmax((vectors @ self.weights.T + self.bias) / self.temperature)

    @property
    def notes(self) -> dict[str, Any]:
        """All but the matrices, as JSON."""
        names = ("temperature", "embedder", "l2", "rows", "folds", "accuracy", "log_loss")
        return {"format": FORMAT, "labels": list(self.labels), **{name: getattr(self, name) for name in names}}


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, labels) -> the same shape, each row summing to 1."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def save(head: Head, folder: Path) -> None:
    """Write a head's three files into a folder that is there; the same head makes the same bytes."""
    np.save(folder / WEIGHTS, np.ascontiguousarray(head.weights, dtype=np.float32), allow_pickle=False)
    np.save(folder / BIAS, np.ascontiguousarray(head.bias, dtype=np.float32), allow_pickle=False)
    (folder / NOTES).write_text(json.dumps(head.notes, indent=1, sort_keys=True, ensure_ascii=False), encoding="utf-8")


def load(folder: Path) -> Head:
    """Read what `save` wrote.

    Raises:
        BrokenArtefact: a file is missing, is of a newer format, or does not fit the others.
    """
    try:
        notes = json.loads((folder / NOTES).read_text(encoding="utf-8"))
        weights = np.load(folder / WEIGHTS, allow_pickle=False)
        bias = np.load(folder / BIAS, allow_pickle=False)
        written, labels = notes.pop("format"), tuple(notes.pop("labels"))
        head = Head(labels, weights, bias, **notes)
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise BrokenArtefact(f"{folder.name} is no classifier: {error}") from error
    if written != FORMAT or weights.ndim != 2 or len(weights) != len(labels) or bias.shape != (len(labels),):
        raise BrokenArtefact(f"{folder.name}: format {written}, {len(labels)} labels, weights {weights.shape}")
    return head
