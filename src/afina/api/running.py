"""Answers being made: each in a task of its own, watched by a connection; a client that leaves cancels it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from fastapi import Request
from starlette.types import Receive

from afina.api.errors import SOON, LeftError, RefusedError
from afina.border import aclosing
from afina.domain.answer import Piece

T = TypeVar("T")


class SilentError(Exception):
    """Nothing came in time; the answer goes on."""


class Run:
    """A stream of pieces that a task of its own drains; `close` cancels the task and all work below it.

    Pieces wait in an unbounded queue: max_tokens bounds an answer, and a slow reader must not hold an engine.
    """

    def __init__(self, stream: AsyncIterator[Piece]) -> None:
        self._pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        self._first: Piece | None = None
        self._task = asyncio.create_task(self._drain(stream))
        self._task.add_done_callback(lambda _: self._pieces.put_nowait(None))

    async def _drain(self, stream: AsyncIterator[Piece]) -> None:
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                self._pieces.put_nowait(piece)

    async def begin(self, *, within_s: float | None = None) -> None:
        """Wait until there is a first piece, or for so long. Raises what the stream raised before it."""
        with contextlib.suppress(SilentError):
            self._first = await self.next(within_s=within_s)

    async def next(self, *, within_s: float | None = None) -> Piece | None:
        """The next piece; None at the end. Raises what the stream raised, SilentError when nothing came in time."""
        if (first := self._first) is not None:
            self._first = None
            return first
        try:
            async with asyncio.timeout(within_s):
                piece = await self._pieces.get()
        except TimeoutError as nothing:
            raise SilentError from nothing
        if piece is None:
            self._pieces.put_nowait(None)
            self._task.result()
        return piece

    async def all(self) -> list[Piece]:
        """Every piece that is still to come."""
        pieces = []
        while (piece := await self.next()) is not None:
            pieces.append(piece)
        return pieces

    async def close(self) -> None:
        """Cancel the work, if it is not done, and wait until it has stopped."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def done(self) -> bool:
        return self._task.done()


class Runs:
    """The answers being made now, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running: set[Run] = set()

    def start(self, stream: AsyncIterator[Piece]) -> Run:
        """Begin an answer.

        Raises:
            RefusedError: (429) as many as may run are running.
        """
        self._running = {run for run in self._running if not run.done}
        if len(self._running) >= self._limit:
            raise RefusedError(
                429,
                f"{self._limit} answers are being made already; send again in a moment",
                code="overloaded",
                type="rate_limit_error",
                headers=SOON,
            )
        run = Run(stream)
        self._running.add(run)
        return run

    async def close(self) -> None:
        await asyncio.gather(*(run.close() for run in self._running))

    def __len__(self) -> int:
        return sum(not run.done for run in self._running)


async def left(receive: Receive) -> None:
    """Returns when the client has gone. Only after the whole body was read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, cancelled if the client goes away first.

    Raises:
        LeftError: it went.
    """
    task = asyncio.create_task(work)
    gone = asyncio.create_task(left(request.receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise LeftError
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)
