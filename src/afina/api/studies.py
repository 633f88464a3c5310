"""/v1/afina/studies: what was measured, its report, and the model names that its arms are given and taken back from."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from afina.actions.promote import promote, roll_back
from afina.actions.studies import listed, report_of
from afina.api.wire.studies import (
    Nothing,
    PageQuery,
    PromoteRequest,
    ReportQuery,
    promotion_of,
    report_json,
    study_of,
)
from afina.border import in_thread
from afina.evaluation.show.html import page
from afina.workspace import Workspace

router = APIRouter(prefix="/v1/afina")


@router.get("/studies")
async def studies(query: Annotated[Nothing, Query()], request: Request) -> dict[str, Any]:
    """Every study that was begun, newest first."""
    data = [study_of(one) for one in await in_thread(listed, _workspace(request))]
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"object": "list", "data": data, "has_more": False, "first_id": first, "last_id": last}


@router.get("/studies/{study}")
async def study(study: str, query: Annotated[ReportQuery, Query()], request: Request) -> Response:
    """The report of a finished study, by id, the beginning of its id, or name."""
    ws = _workspace(request)
    return JSONResponse(await in_thread(lambda: report_json(report_of(ws, study), cases=query.cases)))


@router.get("/studies/{study}/report")
async def report(study: str, query: Annotated[PageQuery, Query()], request: Request) -> Response:
    """The same as a page of its own."""
    ws = _workspace(request)
    return HTMLResponse(await in_thread(lambda: page(report_of(ws, study), lang=query.lang)))


@router.post("/studies/{study}/promote")
async def create(study: str, body: PromoteRequest, request: Request) -> dict[str, Any]:
    """Let an arm answer under a model name from now on."""
    ws = _workspace(request)
    return promotion_of(await in_thread(promote, ws, study, name=body.name, arm=body.arm, anyway=body.anyway))


@router.post("/models/{model:path}/rollback")
async def rollback(model: str, request: Request, body: Nothing | None = None) -> dict[str, Any]:
    """Let what answered under a name before its last promotion answer again; a name may hold ':' and '/'."""
    return promotion_of(await in_thread(roll_back, _workspace(request), model))


def _workspace(request: Request) -> Workspace:
    ws: Workspace = request.app.state.workspace
    return ws
