"""/v1/afina/engine/*: the server's engines for the workspace's own commands; private, opened by server.json's token."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from afina.api.running import while_connected
from afina.api.streams import Streamed
from afina.api.wire.engine import CountRequest, GenerateRequest, OfEngine, ScoreRequest
from afina.border import in_thread
from afina.contracts import Engine
from afina.engines._codec import decode_messages, decode_prompt, encode_card, encode_scored, lines_of
from afina.errors import BadRequest
from afina.workspace import Workspace

router = APIRouter(prefix="/v1/afina/engine")


@router.post("/card")
async def card(body: OfEngine, request: Request) -> dict[str, Any]:
    """What the engine is and can."""
    return encode_card((await _engine(body, request)).card)


@router.post("/count")
async def count(body: CountRequest, request: Request) -> dict[str, int]:
    """Tokens of messages, template included, or of bare text."""
    engine = await _engine(body, request)
    if (body.messages is None) == (body.text is None):
        raise BadRequest("send messages or text, and not both", param="messages")
    if body.text is not None:
        return {"tokens": await in_thread(engine.count_text, body.text)}
    return {"tokens": await in_thread(engine.count, decode_messages(body.messages or ()))}


@router.post("/generate")
async def generate(body: GenerateRequest, request: Request) -> Response:
    """The engine's pieces as lines of JSON; the last may be an error."""
    engine = await _engine(body, request)
    return Streamed(lines_of(engine, decode_prompt(body.prompt)), media_type="application/x-ndjson")


@router.post("/score")
async def score(body: ScoreRequest, request: Request) -> dict[str, Any]:
    """Log-probabilities of given answers, in order."""
    engine = await _engine(body, request)
    pairs = [(decode_messages(pair.messages), pair.answer) for pair in body.pairs]
    scored = await while_connected(request, engine.score(pairs, adapter=body.adapter))
    return {"scored": [encode_scored(one) for one in scored]}


@router.post("/cpu")
async def cpu(body: OfEngine, request: Request) -> dict[str, float | None]:
    """CPU seconds that the engine's process has spent."""
    return {"seconds": (await _engine(body, request)).cpu_seconds()}


async def _engine(body: OfEngine, request: Request) -> Engine:
    ws: Workspace = request.app.state.workspace
    return await in_thread(ws.engine, body.engine)
