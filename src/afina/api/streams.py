"""Responses that go on: lines sent as they come, and the work behind them ended when the client leaves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from afina.api.running import left
from afina.border import aclosing

SENT_WITHIN_S = 60.0
"""A reader that takes no byte for so long is treated as gone."""

HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


async def nothing() -> None:
    """For streams whose closing ends their work."""


class Streamed(Response):
    """Sends `lines` as they come. However it ends, the lines are closed, then `ended` is awaited."""

    def __init__(
        self, lines: AsyncIterator[bytes], *, media_type: str, ended: Callable[[], Awaitable[None]] = nothing
    ) -> None:
        super().__init__(status_code=200, headers=HEADERS, media_type=media_type)
        del self.headers["content-length"]
        self._lines, self._ended = lines, ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send))
        gone = asyncio.create_task(left(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        except TimeoutError:
            pass  # a reader that stopped reading
        finally:
            sending.cancel()
            gone.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)
            await self._ended()

    async def _send(self, send: Send) -> None:
        async with asyncio.timeout(SENT_WITHIN_S):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._lines) as lines:
            async for line in lines:
                async with asyncio.timeout(SENT_WITHIN_S):
                    await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
