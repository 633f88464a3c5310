"""Requests under way in the child process, and the child itself: started when first needed, and again if it died."""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from afina.border import in_thread
from afina.engines._child import Child
from afina.errors import AfinaError, BrokenArtefact, EngineError, EngineTimeout, Unsupported

CHILD = "afina.engines._openvino_child"


@dataclass(frozen=True, slots=True)
class News:
    """outputs: (choice, token ids, their log-probabilities, finish reason or ''). cpu_s: of this request so far."""

    outputs: list[tuple[int, list[int], list[float], str]]
    cpu_s: float


class _Call:
    """Who waits for one request, and the child that works on it."""

    def __init__(self, child: int) -> None:
        self.child = child
        self.told: asyncio.Queue[News | AfinaError | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def tell(self, news: News | AfinaError | None) -> None:
        with suppress(RuntimeError):  # the loop of who asked has been closed
            self._loop.call_soon_threadsafe(self.told.put_nowait, news)


class Calls:
    """Safe to use from several event loops and threads. hello: the first line that a child is told."""

    def __init__(self, hello: Mapping[str, Any]) -> None:
        self._hello = hello
        self._starting, self._lock = threading.Lock(), threading.Lock()
        self._child: Child | None = None
        self._number = 0
        self._ids = itertools.count(1)
        self._open: dict[int, _Call] = {}
        self._cpu_before = self._cpu_now = 0.0

    @property
    def running(self) -> int:
        """Requests that the child has not ended yet."""
        with self._lock:
            return len(self._open)

    @property
    def pid(self) -> int | None:
        """Of the child, while it lives."""
        return self._child.pid if self._child is not None and self._child.alive else None

    @property
    def cpu_s(self) -> float:
        """CPU time of all children so far, as of the last step."""
        return self._cpu_before + self._cpu_now

    async def call(
        self, line: Mapping[str, Any], *, started: float, deadline_s: float | None
    ) -> AsyncGenerator[News, None]:
        """Send a request and give what comes back, until it has ended; leaving early cancels it.

        started: time.monotonic() from which the deadline counts.

        Raises:
            EngineError: the child died or failed. EngineTimeout: the deadline passed.
            Unsupported, BrokenArtefact: the adapter cannot be served.
        """
        child, number = await in_thread(self._living)
        call, id = _Call(number), next(self._ids)
        with self._lock:
            self._open[id] = call
        try:
            self._send(child, {**line, "add": id}, id)
            while (news := await _next(call, started, deadline_s)) is not None:
                yield news
        finally:
            if id in self._open:
                self._send(child, {"cancel": id}, id)

    def _send(self, child: Child, line: Mapping[str, Any], id: int) -> None:
        try:
            child.send(line)
        except EngineError as gone:
            with self._lock:
                call = self._open.pop(id, None)
            if call is not None:
                call.tell(gone)

    def _living(self) -> tuple[Child, int]:
        with self._starting:
            if self._child is None or not self._child.alive:
                self._number += 1
                self._cpu_before, self._cpu_now = self.cpu_s, 0.0
                self._child = Child(CHILD, self._hello, heard=self._heard, gone=partial(self._gone, self._number))
            return self._child, self._number

    def _heard(self, line: Mapping[str, Any]) -> None:
        self._cpu_now = line["cpu_s"]
        for id, outputs, ended, cpu_s in line.get("news", ()):
            with self._lock:
                call = self._open.pop(id, None) if ended else self._open.get(id)
            if call is not None:
                call.tell(News([tuple(o) for o in outputs], cpu_s))
                if ended:
                    call.tell(None)
        for id, code, message, retriable in line.get("lost", ()):
            self._fail(id, _error(code, message, retriable))

    def _gone(self, number: int) -> None:
        died = EngineError("the engine's process died; the next request starts it again", retriable=True)
        with self._lock:
            lost = [id for id, call in self._open.items() if call.child == number]
        for id in lost:
            self._fail(id, died)

    def _fail(self, id: int, error: AfinaError) -> None:
        with self._lock:
            call = self._open.pop(id, None)
        if call is not None:
            call.tell(error)

    def close(self) -> None:
        """End the child; what is under way fails."""
        with self._starting:
            if self._child is not None:
                self._child.close()


async def _next(call: _Call, started: float, deadline_s: float | None) -> News | None:
    left = None if deadline_s is None else deadline_s - (time.monotonic() - started)
    try:
        if left is not None and left <= 0:
            raise TimeoutError
        news = await asyncio.wait_for(call.told.get(), left)
    except TimeoutError:
        raise EngineTimeout(f"the answer took over {deadline_s:g} s", retriable=True) from None
    if isinstance(news, AfinaError):
        raise news
    return news


def _error(code: str, message: str, retriable: bool) -> AfinaError:
    if code == Unsupported.code:
        return Unsupported(message, param="model")
    return BrokenArtefact(message) if code == BrokenArtefact.code else EngineError(message, retriable=retriable)
