"""GET /health: whether the server is up, and whose it is."""

import os
from typing import Any

from fastapi import APIRouter, Request

from afina.api.running import Runs

router = APIRouter()


@router.get("/health")
async def health(request: Request) -> dict[str, Any]:
    """Answers as soon as requests are taken. running: answers being made now."""
    runs: Runs = request.app.state.runs
    return {"status": "ok", "pid": os.getpid(), "running": len(runs)}
