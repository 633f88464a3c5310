"""GET /v1/models: the names that a request may use, and what stands behind them."""

from typing import Any

from fastapi import APIRouter, Request

from afina.actions.embed import embedding_models
from afina.api.errors import RefusedError
from afina.api.wire.models import embedding_model_of, model_of
from afina.border import in_thread
from afina.config import FILE
from afina.domain.artefact import Recipe
from afina.errors import NotFound
from afina.workspace import Workspace

router = APIRouter()


@router.get("/v1/models")
async def models(request: Request) -> dict[str, Any]:
    """Every model of the workspace."""
    data = await in_thread(_all, request.app.state.workspace)
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"object": "list", "data": data, "has_more": False, "first_id": first, "last_id": last}


@router.get("/v1/models/{model:path}")
async def model(model: str, request: Request) -> dict[str, Any]:
    """One model; its id may hold ':' and '/'."""
    return await in_thread(_one, request.app.state.workspace, model)


def _all(ws: Workspace) -> list[dict[str, Any]]:
    embedding = embedding_models(ws)
    created = _created(ws)
    names = sorted(set(embedding.values()))
    return [_chat(ws, r) for r in ws.recipes()] + [embedding_model_of(n, embedding, created=created) for n in names]


def _one(ws: Workspace, name: str) -> dict[str, Any]:
    embedding = embedding_models(ws)
    if name in embedding.values():
        return embedding_model_of(name, embedding, created=_created(ws))
    try:
        recipe = ws.recipe(name)
    except NotFound as unknown:
        raise RefusedError(404, str(unknown), code="model_not_found", param="model") from unknown
    return {**_chat(ws, recipe), "id": name}


def _chat(ws: Workspace, recipe: Recipe) -> dict[str, Any]:
    engine = ws.open_engines.get(recipe.engine)
    return model_of(recipe, created=_created(ws), card=engine.card if engine else None)


def _created(ws: Workspace) -> int:
    """When the workspace's settings were last written: from then on its names have meant what they mean."""
    file = ws.root / FILE
    return int(file.stat().st_mtime) if file.exists() else 0
