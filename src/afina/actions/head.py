"""Fit a classifier on the frozen embeddings of labelled examples, and keep it under a name."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina import plugins
from afina.domain.artefact import Artefact
from afina.domain.document import digest
from afina.domain.example import Example
from afina.domain.progress import Progress, Tell, silent
from afina.errors import BadRequest, EmptyExamples
from afina.heads import linear
from afina.heads.linear import Head
from afina.store import artefacts
from afina.workspace import Workspace

METHOD = "logistic"
BATCH = 256


def head(
    ws: Workspace, examples: Sequence[Example] | str, *, name: str, seed: int = 0, tell: Tell = silent
) -> Artefact:
    """The stored classifier of examples (or of a stored set of them), whose answers are the labels of their questions.

    It reads the vectors of the workspace's embedder, and answers where a recipe has the control `head`. The newest of a
    name is in use. meta: method, embedder, labels, rows, data (digest of the examples), accuracy and log_loss out of
    fold, metrics (seconds and CPU-seconds that embedding and fitting took).

    Raises:
        NotFound: no such set. EmptyExamples: fewer than two labels, or a label with fewer than two rows.
        BadRequest: a name without letters. MissingExtra: the package that fits it is not installed.
    """
    if not name.strip():
        raise BadRequest("a classifier needs a name", param="name")
    rows = ws.demonstrations.examples(ws.scope, examples) if isinstance(examples, str) else examples
    _check(rows)
    method = plugins.load("heads.methods", METHOD)
    started, cpu_started = time.monotonic(), time.process_time()
    embedder = ws.embedder()
    vectors = _embedded(ws, [row.question for row in rows], tell)
    tell(Progress("fitting the classifier", note=f"{len(rows)} rows, {len({r.answer for r in rows})} labels"))
    fitted: Head = method.fit(vectors, [row.answer.strip() for row in rows], seed=seed, embedder=embedder.digest)
    metrics = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - cpu_started}
    return _kept(ws, fitted, name, {"data": digest(*(r.id for r in rows)), "seed": seed, "metrics": metrics})


def _check(rows: Sequence[Example]) -> None:
    if not rows:
        raise EmptyExamples("there are no examples to learn labels from")
    bare = next((row for row in rows if not row.question.strip() or not row.answer.strip()), None)
    if bare is not None:
        raise EmptyExamples(f'example "{bare.id}" has no {"label" if bare.question.strip() else "text"}')


def _embedded(ws: Workspace, texts: Sequence[str], tell: Tell) -> NDArray[np.float32]:
    """(len(texts), dim) float32; questions are what it will be asked, so they are embedded as queries."""
    embedder = ws.embedder()
    parts = []
    for first in range(0, len(texts), BATCH):
        parts.append(embedder.embed(texts[first : first + BATCH], kind="query"))
        tell(Progress("embedding", min(first + BATCH, len(texts)), len(texts), "rows"))
    return np.concatenate(parts)


def _kept(ws: Workspace, fitted: Head, name: str, about: Mapping[str, Any]) -> Artefact:
    notes = {key: value for key, value in fitted.notes.items() if key != "format"}
    meta = {"method": METHOD, **notes, **about}
    with tempfile.TemporaryDirectory() as made:
        linear.save(fitted, Path(made))
        return artefacts.put(ws.store, ws.root, ws.scope, kind="head", name=name, folder=Path(made), meta=meta)
