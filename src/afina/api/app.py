"""The HTTP application: OpenAI's surface on one workspace, and Afina's own under /v1/afina."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from afina.api import chat, embeddings, engine, health, models, search, studies
from afina.api.auth import Access, Guard
from afina.api.errors import Boundary, on_http, on_invalid
from afina.api.limits import BodyLimit
from afina.api.running import Runs
from afina.workspace import Workspace

MAX_BODY_BYTES = 32 * 2**20
MAX_RUNS = 256
"""Answers made at once; one more is told to come back (429)."""


def create_app(ws: Workspace, access: Access, *, max_runs: int = MAX_RUNS) -> FastAPI:
    """The application for a workspace that the caller has opened and will close.

    Answers that are being made when the server stops are cancelled.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await app.state.runs.close()

    app = FastAPI(
        title="Afina",
        version=version("afina"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        exception_handlers={RequestValidationError: on_invalid, HTTPException: on_http},
    )
    app.state.workspace, app.state.runs = ws, Runs(max_runs)
    app.add_middleware(BodyLimit, most=MAX_BODY_BYTES)
    app.add_middleware(Guard, access=access)
    app.add_middleware(Boundary)
    for resource in (chat, models, embeddings, search, studies, engine, health):
        app.include_router(resource.router)
    return app
