"""POST /v1/embeddings: texts to vectors."""

from typing import Any

from fastapi import APIRouter, Request

from afina.actions.embed import embed, embedder_called
from afina.api.errors import RefusedError
from afina.api.wire.embeddings import EmbeddingRequest, embedding_list, texts_of
from afina.border import in_thread
from afina.errors import NotFound, Unsupported
from afina.workspace import Workspace

router = APIRouter()


@router.post("/v1/embeddings")
async def create(body: EmbeddingRequest, request: Request) -> dict[str, Any]:
    """Vectors of texts, in their order."""
    ws: Workspace = request.app.state.workspace
    texts = texts_of(body.input)
    try:
        embedder = await in_thread(embedder_called, ws, body.model)
    except NotFound as unknown:
        raise RefusedError(404, str(unknown), code="model_not_found", param="model") from unknown
    if body.dimensions not in (None, embedder.dim):
        raise Unsupported(f"{body.model} has {embedder.dim} dimensions and cannot be cut", param="dimensions")
    made = await in_thread(embed, embedder, texts)
    return embedding_list(made.vectors, model=body.model, tokens=made.tokens, encoding=body.encoding_format)
