"""The one border between waiting (async) and working (sync).

Answering waits and is async; parsing, search, training and the store work and are sync.
`in_thread` carries work out of the event loop; `Portal` carries sync callers into one.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work in a thread and wait for it; a cancelled caller does not stop the thread."""
    return await asyncio.get_running_loop().run_in_executor(None, partial(work, *args, **kwargs))


def aclosing(stream: AsyncIterator[T]) -> contextlib.AbstractAsyncContextManager[AsyncIterator[T]]:
    """contextlib.aclosing for streams typed as iterators: leaving the block closes the stream and all below it."""
    return cast(contextlib.AbstractAsyncContextManager[AsyncIterator[T]], contextlib.aclosing(cast(Any, stream)))


LETS_GO_WITHIN_S = 5.0
"""How long an interrupted caller waits for cancelled work to end."""


class Portal:
    """One event loop in a thread of its own, for sync callers (scripts, jobs, the CLI)."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="afina-portal", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine's result; Ctrl-C cancels it and waits until it has let go of what it held."""
        finished = threading.Event()
        tasks: list[asyncio.Task[T]] = []

        def start() -> None:
            tasks.append(self._loop.create_task(coroutine))
            tasks[0].add_done_callback(lambda _: finished.set())

        def stop() -> None:
            if tasks:
                tasks[0].cancel()
            else:  # interrupted before it was begun
                coroutine.close()
                finished.set()

        try:
            self._loop.call_soon_threadsafe(start)
            finished.wait()
        except BaseException:
            self._loop.call_soon_threadsafe(stop)
            finished.wait(LETS_GO_WITHIN_S)
            raise
        return tasks[0].result()

    def each(self, stream: AsyncIterator[T]) -> Iterator[T]:
        """The items of an async stream, one at a time; leaving early closes the stream."""
        try:
            while (item := self.run(_next(stream))) is not None:
                yield item
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                self.run(close())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        if not self._loop.is_running():
            self._loop.close()


async def _next(stream: AsyncIterator[T]) -> T | None:
    return await anext(stream, None)
