"""POST /v1/chat/completions: one question of a client, answered under a model name, whole or as a stream."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from afina.actions.ask import ask
from afina.api.errors import RefusedError, failed_refusal
from afina.api.running import Runs, while_connected
from afina.api.sse import DONE, PING_EVERY_S, event, event_stream
from afina.api.wire.answers import (
    JSON,
    Head,
    Heard,
    annotations,
    answered_by,
    chunk,
    completion,
    extras,
    logprobs_of,
    part,
    usage_of,
)
from afina.api.wire.chat import ChatRequest, ask_from
from afina.border import in_thread
from afina.domain.answer import Finish, Logprobs, Piece, Text
from afina.errors import EngineError, NotFound
from afina.store.runs import new_id
from afina.workspace import Workspace

router = APIRouter()


@router.post("/v1/chat/completions")
async def create(body: ChatRequest, request: Request) -> Response:
    """One question, answered under a model name."""
    ws: Workspace = request.app.state.workspace
    runs: Runs = request.app.state.runs
    asked = ask_from(body, project=ws.scope.project)
    head = await while_connected(request, in_thread(_head, ws, body.model))
    run = runs.start(ask(ws, asked, model=body.model, run_id=head.run_id))
    try:
        await while_connected(request, run.begin(within_s=PING_EVERY_S if body.stream else None))
        if body.stream:
            return event_stream(run, Chunks(head, body))
        pieces = await while_connected(request, run.all())
    except BaseException:
        await run.close()
        raise
    return JSONResponse(whole(head, body, pieces))


def whole(head: Head, body: ChatRequest, pieces: Sequence[Piece]) -> JSON:
    """The answer in one object; an answer that failed on the way is an error, not a part of one."""
    heard = Heard()
    for piece in pieces:
        heard.hear(piece)
    _check_complete(heard, body.n or 1)
    return completion(
        head, heard, choices=body.n or 1, logprobs=bool(body.logprobs), metadata=dict(body.metadata or {}) or None
    )


class Chunks:
    """Pieces as events, one after the other; knows what was heard before, for the citations at each choice's end."""

    def __init__(self, head: Head, body: ChatRequest) -> None:
        self._head, self._choices = head, body.n or 1
        self._usage = bool(body.stream_options and body.stream_options.include_usage)
        self._heard = Heard()
        self._begun = False

    def __call__(self, piece: Piece | None) -> list[str]:
        if piece is None:
            return self._end()
        self._heard.hear(piece)
        if self._heard.failed is not None:
            raise failed_refusal(self._heard.failed)
        said = self._part(piece)
        return self._beginning() + ([event(chunk(self._head, choices=[said]))] if said else [])

    def _beginning(self) -> list[str]:
        if self._begun:
            return []
        self._begun = True
        role = {"role": "assistant", "content": "", "refusal": None}
        return [event(chunk(self._head, choices=[part(n, role)])) for n in range(self._choices)]

    def _part(self, piece: Piece) -> JSON | None:
        match piece:
            case Text(text=text):
                return part(piece.choice, {"content": text})
            case Logprobs(tokens=tokens):
                return part(piece.choice, {}, logprobs=logprobs_of(tokens))
            case Finish(reason=reason):
                last = {
                    "annotations": annotations(self._heard, piece.choice),
                    "afina": extras(self._head, self._heard, piece.choice),
                }
                return part(piece.choice, last, finish=reason)
        return None

    def _end(self) -> list[str]:
        _check_complete(self._heard, self._choices)
        head = replace(self._head, fingerprint=answered_by(self._head, self._heard))
        usage = [event(chunk(head, choices=[], usage=usage_of(self._heard.used)))] if self._usage else []
        return [*usage, DONE]


def _head(ws: Workspace, model: str) -> Head:
    try:
        recipe = ws.recipe(model)
    except NotFound as unknown:
        raise RefusedError(404, str(unknown), code="model_not_found", param="model") from unknown
    fingerprint = ws.engine(recipe.engine).card.fingerprint
    return Head(f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), model, fingerprint, new_id())


def _check_complete(heard: Heard, choices: int) -> None:
    if heard.failed is not None:
        raise failed_refusal(heard.failed)
    missing = [n for n in range(choices) if n not in heard.finishes]
    if missing:
        raise EngineError(f"the engine stopped before choice {missing[0]} was finished")
