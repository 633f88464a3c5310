"""Sync callers in an event loop of their own: results, errors, and work that stops when the caller is interrupted."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from afina.border import Portal, in_thread


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = Portal()
    yield made
    made.close()


async def _add(one: int, other: int) -> int:
    await asyncio.sleep(0)
    return await in_thread(lambda: one + other)


async def _fail() -> None:
    raise KeyError("x")


async def _count(closed: list[str], *, delay_s: float = 0) -> AsyncIterator[int]:
    try:
        for number in range(1000):
            yield number
            await asyncio.sleep(delay_s)
    finally:
        await asyncio.sleep(0)
        closed.append("closed")


def test_results_and_errors_come_back(portal: Portal) -> None:
    assert portal.run(_add(1, 2)) == 3
    with pytest.raises(KeyError):
        portal.run(_fail())


def test_leaving_a_stream_early_closes_it(portal: Portal) -> None:
    closed: list[str] = []
    seen = []
    for number in (numbers := portal.each(_count(closed))):
        seen.append(number)
        if number == 3:
            break
    numbers.close()  # type: ignore[attr-defined]
    assert (seen, closed) == ([0, 1, 2, 3], ["closed"])


def test_an_interrupted_caller_waits_until_the_stream_has_ended(portal: Portal) -> None:
    """The interrupt comes when the caller waits for the stream's second item, never before."""
    closed: list[str] = []
    interrupting = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        _drained(portal.each(_count(closed, delay_s=30)), after_one=interrupting.start)
    assert closed == ["closed"]


def _drained(items: Iterator[int], *, after_one: Callable[[], None]) -> None:
    for _ in items:
        after_one()
