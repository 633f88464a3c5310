"""POST /v1/afina/search: the passages that a query finds, best first, with the score of each search."""

from typing import Any

from fastapi import APIRouter, Request

from afina.actions.search import search
from afina.api.wire.answers import source
from afina.api.wire.search import SearchRequest
from afina.border import in_thread
from afina.workspace import Workspace

router = APIRouter()


@router.post("/v1/afina/search")
async def create(body: SearchRequest, request: Request) -> dict[str, Any]:
    """Passages of one collection."""
    ws: Workspace = request.app.state.workspace
    found = await in_thread(search, ws, body.query, collection=body.collection, top_k=body.top_k, where=body.where)
    return {
        "object": "list",
        "data": [{"object": "afina.passage", **source(n, f)} for n, f in enumerate(found, start=1)],
        "has_more": False,
        "first_id": found[0].passage.id if found else None,
        "last_id": found[-1].passage.id if found else None,
    }
