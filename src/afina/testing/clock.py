"""Time that a test decides: a fake clock that jumps instead of waiting, and the real one in the same shape."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds that only grow."""
        ...

    async def sleep(self, seconds: float, /) -> None: ...


class _Wall:
    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(seconds)


WALL: Clock = _Wall()
"""The real time."""


class FakeClock:
    """Starts at 0; sleeping moves it on at once and lets other tasks run."""

    def __init__(self) -> None:
        self._now = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds

    async def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        self._now += seconds
        await asyncio.sleep(0)
