"""Every failure as an HTTP answer in OpenAI's shape: one table, one boundary, and error events inside streams."""

import json
import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from afina.border import aclosing
from afina.domain.answer import Failed
from afina.errors import (
    AfinaError,
    BadRequest,
    BrokenArtefact,
    Conflict,
    DataError,
    EmptyExamples,
    EngineError,
    EngineTimeout,
    InvalidRow,
    MissingExtra,
    NotCertified,
    NotFound,
    OutsideError,
    StoreError,
    UnreadableDocument,
    UsageError,
)

log = logging.getLogger("afina.api")

CALLER, SERVER = "invalid_request_error", "server_error"
DONT_RETRY = {"x-should-retry": "false"}
SOON = {"retry-after": "1"}
"""The client sends again on 408, 409, 429 and 5xx unless told not to."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How a class of errors looks on the wire."""

    status: int
    type: str = CALLER
    headers: Mapping[str, str] = field(default_factory=dict)


TABLE: dict[type[AfinaError], Answered] = {
    UsageError: Answered(400),
    BadRequest: Answered(400),
    NotFound: Answered(404),
    Conflict: Answered(409, headers=DONT_RETRY),
    MissingExtra: Answered(501, SERVER, DONT_RETRY),
    OutsideError: Answered(502, SERVER, DONT_RETRY),
    EngineError: Answered(502, SERVER, DONT_RETRY),
    EngineTimeout: Answered(504, SERVER, DONT_RETRY),
    StoreError: Answered(503, SERVER, SOON),
    DataError: Answered(500, SERVER, DONT_RETRY),
    UnreadableDocument: Answered(400),
    EmptyExamples: Answered(400),
    InvalidRow: Answered(400),
    BrokenArtefact: Answered(500, SERVER, DONT_RETRY),
    NotCertified: Answered(409, headers=DONT_RETRY),
    AfinaError: Answered(500, SERVER, DONT_RETRY),
}
"""Error class -> answer; the nearest class in an error's ancestry counts. ConfigError is a UsageError: a request
cannot cause it but by naming something that afina.toml describes wrongly."""

STATUS_CODES = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}


class RefusedError(Exception):
    """An answer that only HTTP knows: no key, wrong host, too much at once, no such model."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        type: str = CALLER,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param, self.type = status, code, param, type
        self.headers = dict(headers or {})


class LeftError(Exception):
    """The client went away; nobody reads the answer."""


def failed_refusal(failed: Failed) -> RefusedError:
    """A failure after the first piece, as if it had been raised before it."""
    kind = next((k for k in _descendants(AfinaError) if k.code == failed.code), AfinaError)
    row = row_of(kind)
    return RefusedError(row.status, failed.message, code=failed.code, type=row.type, headers=row.headers)


def _descendants(kind: type[AfinaError]) -> list[type[AfinaError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _descendants(child))]


def body_of(message: str, *, type: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


def answered(error: AfinaError) -> Answered:
    """The row of the table for an error; an engine error may say that the same request can succeed when sent again."""
    if isinstance(error, EngineError) and error.retriable:
        return Answered(504 if isinstance(error, EngineTimeout) else 503, SERVER, SOON)
    return row_of(type(error))


def row_of(kind: type[AfinaError]) -> Answered:
    return next(TABLE[k] for k in kind.__mro__ if k in TABLE)


def error_body(error: BaseException) -> dict[str, Any]:
    """What an error says on the wire; a fault of ours says nothing of its inside."""
    if isinstance(error, RefusedError):
        return body_of(str(error), type=error.type, code=error.code, param=error.param)
    if isinstance(error, AfinaError):
        param = getattr(error, "param", None)
        return body_of(str(error), type=answered(error).type, code=error.code, param=param)
    return body_of("a fault in Afina; the server's log has it under this request's id", type=SERVER, code="fault")


def response_to(error: BaseException) -> Response:
    """The whole answer to an error that nothing has been sent before."""
    if isinstance(error, LeftError):
        return Response(status_code=499)
    if isinstance(error, RefusedError):
        return JSONResponse(error_body(error), error.status, error.headers)
    row = answered(error) if isinstance(error, AfinaError) else TABLE[AfinaError]
    return JSONResponse(error_body(error), row.status, dict(row.headers))


async def on_invalid(request: Request, error: Exception) -> Response:
    """A body that is no JSON, or not what the schema says: 400 naming the field."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    param = param_of(first["loc"], error.body)
    message = f"{param}: {first['msg']}" if param else str(first["msg"])
    code = "invalid_json" if first["type"] == "json_invalid" else "invalid_value"
    return JSONResponse(body_of(message, type=CALLER, code=code, param=param), 400)


async def on_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown path, wrong method, a body over the limit."""
    assert isinstance(error, HTTPException)
    message = str(error.detail)
    if error.status_code == 404:
        message = f"there is no {request.method} {request.url.path} here; /openapi.json lists what there is"
    elif error.status_code == 405:
        message = f"{request.url.path} does not take {request.method}"
    code = STATUS_CODES.get(error.status_code, "invalid_request")
    type = CALLER if error.status_code < 500 else SERVER
    return JSONResponse(body_of(message, type=type, code=code), error.status_code, dict(error.headers or {}))


def param_of(loc: tuple[int | str, ...], body: Any) -> str | None:
    """'messages[0].role' from a validation error's place; parts that only name a branch of a union are dropped. In an
    address it is the name itself."""
    if loc[0] in ("query", "path"):
        return str(loc[-1])
    path, here = "", body
    for part in loc[1:]:
        inside = isinstance(here, dict) or (isinstance(here, list) and isinstance(part, int))
        if not inside:
            break
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
        try:
            here = here[part]
        except (KeyError, IndexError):
            break
    return path.lstrip(".") or None


async def speaking(events: AsyncIterator[str]) -> AsyncIterator[str]:
    """The events of a stream; a failure becomes a last event that clients raise as an error."""
    async with aclosing(events) as all_events:
        try:
            async for event in all_events:
                yield event
        except Exception as error:
            if not isinstance(error, AfinaError | RefusedError):
                log.exception("a fault inside a stream")
            yield f"data: {json.dumps(error_body(error), ensure_ascii=False)}\n\n"


class Boundary:
    """The outermost layer: gives every response an id and turns whatever is raised into an answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{uuid.uuid4().hex}"
        begun = False

        async def stamped(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message = {**message, "headers": [*message["headers"], (b"x-request-id", request_id.encode())]}
            await send(message)

        try:
            await self._app(scope, receive, stamped)
        except Exception as error:
            if not isinstance(error, AfinaError | RefusedError | LeftError):
                log.exception("%s: a fault in %s %s", request_id, scope["method"], scope["path"])
            if begun:
                raise
            await response_to(error)(scope, receive, stamped)
