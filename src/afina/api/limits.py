"""The most that a request may send, checked before and while it is read."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from afina.api.errors import RefusedError


class BodyLimit:
    """Refuses bodies over `most` bytes: by their declared length, or when they get there."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._most:
            raise RefusedError(413, self._says, code="request_too_large")
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise HTTPException(413, self._says)  # the framework lets its own exception pass while it reads
            return message

        await self._app(scope, counted, send)

    @property
    def _says(self) -> str:
        return f"a request may have {self._most} bytes at most"
