"""Classifiers on vectors: what they say by hand, what fitting finds, files, refusals."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from afina.domain.artefact import artefact_digest
from afina.errors import BadRequest, BrokenArtefact, Conflict, EmptyExamples
from afina.heads import linear
from afina.heads.linear import Head
from afina.heads.methods.logistic import fit
from afina.store.durable import sha256_of

Vectors = NDArray[np.float32]


def clouds(rows: int, *, labels: int = 3, noise: float = 0.1, seed: int = 0) -> tuple[Vectors, list[str]]:
    """Rows around one corner of space for each label."""
    random = np.random.default_rng(seed)
    names = [f"label {n % labels}" for n in range(rows)]
    vectors = np.array([np.eye(8)[n % labels] for n in range(rows)]) + random.normal(scale=noise, size=(rows, 8))
    return vectors.astype(np.float32), names


def test_probabilities_by_hand() -> None:
    """Logits 2 and 0 over temperature 2: e / (e + 1) and 1 / (e + 1)."""
    head = Head(("a", "b"), np.array([[2, 0], [0, 1]], np.float32), np.array([0, 0], np.float32), temperature=2)
    found = head.probabilities(np.array([[1, 0], [0, 0]], np.float32))
    assert found[0] == pytest.approx([np.e / (np.e + 1), 1 / (np.e + 1)])
    assert found[1] == pytest.approx([0.5, 0.5])
    with pytest.raises(Conflict, match="rows of 2 numbers"):
        head.probabilities(np.zeros((1, 3), np.float32))


@pytest.mark.parametrize("labels", [2, 3])
def test_what_can_be_told_apart_is_told_apart(labels: int) -> None:
    head = fit(*clouds(24, labels=labels), seed=1, embedder="e" * 64)
    unseen, gold = clouds(30, labels=labels, seed=9)
    found = head.probabilities(unseen)
    assert found.sum(axis=1) == pytest.approx(np.ones(30), abs=1e-6)
    assert [head.labels[n] for n in found.argmax(axis=1)] == gold
    assert found.max(axis=1).mean() > 0.9
    assert (head.accuracy, head.rows, head.folds, head.embedder) == (1.0, 24, 5, "e" * 64)


def test_of_two_labels_as_scikit_learn_says() -> None:
    vectors, gold = clouds(40, labels=2, noise=0.6)
    head = fit(vectors, gold)
    peer = LogisticRegression(C=1 / head.l2, max_iter=500).fit(vectors, gold)
    bare = Head(head.labels, head.weights, head.bias)
    assert bare.probabilities(vectors) == pytest.approx(peer.predict_proba(vectors), abs=1e-5)


def test_labels_that_mean_nothing_are_not_believed() -> None:
    """Labels without any relation to the vectors: out of fold no better than chance, and said without confidence."""
    random = np.random.default_rng(3)
    vectors = random.normal(size=(120, 8)).astype(np.float32)
    head = fit(vectors, [str(n) for n in random.integers(4, size=120)])
    assert head.accuracy is not None
    assert head.accuracy < 0.45
    assert head.probabilities(vectors).max(axis=1).mean() < 0.5


def test_noisy_labels_are_said_as_surely_as_they_are_right() -> None:
    vectors, gold = clouds(300, noise=0.7)
    head = fit(vectors, gold)
    unseen, right = clouds(300, noise=0.7, seed=5)
    found = head.probabilities(unseen)
    accuracy = np.mean([head.labels[n] == g for n, g in zip(found.argmax(axis=1), right, strict=True)])
    assert found.max(axis=1).mean() == pytest.approx(accuracy, abs=0.08)


def test_files_read_back_and_are_the_same_bytes(tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        linear.save(fit(*clouds(12), seed=4), tmp_path / name)
        files = {p.name: sha256_of(p) for p in (tmp_path / name).iterdir()}
        digests.append(artefact_digest(files))
    assert digests[0] == digests[1]
    head, read = fit(*clouds(12), seed=4), linear.load(tmp_path / "one")
    assert read.notes == head.notes
    assert read.probabilities(clouds(3)[0]) == pytest.approx(head.probabilities(clouds(3)[0]))


@pytest.mark.parametrize("harm", ["missing", "cut", "labels", "notes"])
def test_broken_files_are_told(tmp_path: Path, harm: str) -> None:
    linear.save(fit(*clouds(12)), tmp_path)
    notes = tmp_path / linear.NOTES
    if harm == "missing":
        (tmp_path / linear.BIAS).unlink()
    elif harm == "cut":
        (tmp_path / linear.WEIGHTS).write_bytes(b"\x93NUMPY")
    elif harm == "labels":
        notes.write_text(notes.read_text().replace('"label 0",', ""))
    else:
        notes.write_text("{")
    with pytest.raises(BrokenArtefact):
        linear.load(tmp_path)


def test_what_cannot_be_learnt_is_refused() -> None:
    vectors, gold = clouds(12)
    with pytest.raises(EmptyExamples, match="two labels, these have 1"):
        fit(vectors, ["same"] * 12)
    with pytest.raises(EmptyExamples, match="there is one of: lonely"):
        fit(vectors, [*gold[:11], "lonely"])
    with pytest.raises(BadRequest, match="11 labels do not go"):
        fit(vectors, gold[:11])
    with pytest.raises(BadRequest, match="not finite"):
        fit(np.full_like(vectors, np.nan), gold)
