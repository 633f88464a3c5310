"""Texts to vectors with one of the workspace's embedders."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afina.config import CollectionSection
from afina.contracts import Embedder
from afina.errors import NotFound, nearest
from afina.workspace import DOCS, Workspace


@dataclass(frozen=True, slots=True)
class Embedded:
    """vectors (len(texts), dim) float32, each row of length 1, in the order of the texts. tokens: read in all."""

    vectors: NDArray[np.float32]
    tokens: int


def embed(embedder: Embedder, texts: Sequence[str], *, kind: str = "passage") -> Embedded:
    """Embed texts. kind: 'passage' or 'query', for models that tell them apart."""
    return Embedded(embedder.embed(texts, kind=kind), sum(embedder.count(text) for text in texts))


def embedding_models(ws: Workspace) -> dict[str, str]:
    """Collection -> name of the model that embeds it, for every collection of afina.toml and 'docs'."""
    sections = {DOCS: ws.config.collection(DOCS), **ws.config.collections}
    return {name: _model_of(section) for name, section in sections.items()}


def embedder_called(ws: Workspace, model: str) -> Embedder:
    """The embedder of a model name.

    Raises:
        NotFound: no collection uses such a model; names the nearest.
    """
    models = embedding_models(ws)
    collection = next((c for c, m in models.items() if m == model), None)
    if collection is None:
        raise NotFound(f'no embedding model is called "{model}"{nearest(model, sorted(set(models.values())))}')
    return ws.embedder(collection)


def _model_of(section: CollectionSection) -> str:
    used = section.embedder_used
    return str(used.options.get("model", used.use))
