"""What engines behind HTTP share: one client for each event loop, and lines that cannot grow without bound."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from typing import Any
from weakref import WeakKeyDictionary

import httpx2

from afina.border import aclosing
from afina.errors import EngineError

MOST_LINE_BYTES = 4 * 2**20
"""A longer line is nonsense, not a piece of an answer."""


class Clients:
    """An httpx2.AsyncClient for each event loop that asks, as connections belong to a loop."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx2.AsyncClient] = WeakKeyDictionary()

    def here(self) -> httpx2.AsyncClient:
        loop = asyncio.get_running_loop()
        if loop not in self._by_loop:
            # No redirects: credentials and prompts go where the user said, or nowhere. No compression: a small
            # answer cannot become a huge one.
            self._by_loop[loop] = httpx2.AsyncClient(
                follow_redirects=False, trust_env=False, timeout=None, **self._settings
            )
        return self._by_loop[loop]

    async def close(self) -> None:
        """Close the client of this event loop; those of loops that ended are gone with them."""
        client = self._by_loop.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()


async def bounded_lines(response: httpx2.Response, *, most_bytes: int = MOST_LINE_BYTES) -> AsyncGenerator[bytes, None]:
    """Lines of a body as they arrive, without their ends; CRLF, CR LF split over chunks, and a last line without an end
    are borne.

    Raises:
        EngineError: a line is longer than `most_bytes`.
    """
    rest = b""
    async with aclosing(response.aiter_raw()) as chunks:
        async for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line.removesuffix(b"\r")
            if len(rest) > most_bytes:
                raise EngineError(f"the server sent a line of over {most_bytes} bytes, which is no answer")
    if rest:
        yield rest.removesuffix(b"\r")


def tls() -> ssl.SSLContext:
    """One context for all connections; making one reads the system's certificates, which takes a while."""
    return ssl.create_default_context()


IDENTITY = {"accept-encoding": "identity"}
