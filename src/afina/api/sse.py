"""Server-sent events as OpenAI's clients read them: data lines only, a comment when nothing happens, [DONE]."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from starlette.responses import Response

from afina.api.errors import speaking
from afina.api.running import Run, SilentError
from afina.api.streams import Streamed
from afina.border import aclosing
from afina.domain.answer import Piece

DONE = "data: [DONE]\n\n"
PING = ": still here\n\n"
PING_EVERY_S = 15.0

Write = Callable[[Piece | None], Sequence[str]]
"""The events that a piece makes; None is the end of the answer."""


def event(data: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"


def event_stream(run: Run, write: Write, *, ping_every_s: float = PING_EVERY_S) -> Response:
    """What `write` makes of a run's pieces, as they come; the run is cancelled if the client leaves."""
    events = encoded(speaking(written(run, write, ping_every_s=ping_every_s)))
    return Streamed(events, media_type="text/event-stream", ended=run.close)


async def written(run: Run, write: Write, *, ping_every_s: float) -> AsyncIterator[str]:
    """Events, and comments in long silences."""
    ended = False
    while not ended:
        try:
            piece = await run.next(within_s=ping_every_s)
        except SilentError:
            yield PING
            continue
        ended = piece is None
        for line in write(piece):
            yield line


async def encoded(events: AsyncIterator[str]) -> AsyncIterator[bytes]:
    async with aclosing(events) as all_events:
        async for line in all_events:
            yield line.encode()
