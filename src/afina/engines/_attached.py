"""The engine of the server that already runs on a workspace, for the commands that run beside it.

A second copy of the model is never loaded. Talks to the private routes /v1/afina/engine/*, opened by the token of
server.json; prompts and pieces travel as engines/_codec.py writes them.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import httpx2

from afina.border import aclosing
from afina.contracts import EngineCard, Prompt, Scored
from afina.domain.answer import Failed, Finish, Piece
from afina.domain.message import Message
from afina.engines._codec import (
    decode_card,
    decode_error,
    decode_piece,
    decode_scored,
    encode_messages,
    encode_prompt,
)
from afina.engines._http import IDENTITY, Clients, bounded_lines
from afina.engines._late import failing_late
from afina.engines._refusing import refuse_impossible
from afina.errors import EngineError, EngineTimeout

ROUTE = "/v1/afina/engine"
SHORT_S = 60.0
"""For what takes no model: the card and counting (the first of them may have to open the engine)."""
GRACE_S = 2.0
"""The server keeps a deadline itself; this much later we give up on the server."""


class AttachedEngine:
    """An Engine in another process. Safe to use from several threads and event loops."""

    def __init__(self, *, url: str, token: str, engine: str | None) -> None:
        self._engine = engine
        headers = {"authorization": f"Bearer {token}", **IDENTITY}
        base = url.rstrip("/") + ROUTE
        self._clients = Clients(base_url=base, headers=headers)
        self._now = httpx2.Client(
            base_url=base, headers=headers, timeout=SHORT_S, trust_env=False, follow_redirects=False
        )
        self._card = decode_card(self._said("/card", {}))
        self._count_text = lru_cache(maxsize=4096)(self._counted)

    @property
    def card(self) -> EngineCard:
        return self._card

    def count(self, messages: Sequence[Message]) -> int:
        return int(self._said("/count", {"messages": encode_messages(messages)})["tokens"])

    def count_text(self, text: str) -> int:
        return self._count_text(text)

    def _counted(self, text: str) -> int:
        return int(self._said("/count", {"text": text})["tokens"])

    def cpu_seconds(self) -> float | None:
        seconds = self._said("/cpu", {})["seconds"]
        return None if seconds is None else float(seconds)

    def generate(self, prompt: Prompt, /) -> AsyncIterator[Piece]:
        return failing_late(self._stream(prompt), choices=prompt.sampling.n)

    async def _stream(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        refuse_impossible(prompt)
        open_choices = set(range(prompt.sampling.n))
        async with aclosing(self._rows(prompt)) as rows:
            async for row in rows:
                piece = decode_piece(row)
                if isinstance(piece, Finish | Failed):
                    open_choices.discard(piece.choice)
                yield piece
                if not open_choices:
                    return
        raise EngineError("the server's answer ended before its end; it may have been stopped", retriable=True)

    async def _rows(self, prompt: Prompt) -> AsyncGenerator[dict[str, Any], None]:
        """The lines of an answer as objects; one that carries an error raises it."""
        body = {"engine": self._engine, "prompt": encode_prompt(prompt)}
        ends = None
        if prompt.deadline_s is not None:
            ends = asyncio.get_running_loop().time() + prompt.deadline_s + GRACE_S
        with _as_engine_errors():
            async with self._clients.here().stream("POST", "/generate", json=body) as response:
                if response.status_code != 200:
                    raise _refusal(response.status_code, await response.aread())
                async with aclosing(bounded_lines(response)) as lines:
                    while (line := await _line(lines, ends)) is not None:
                        yield _row(line)

    async def score(
        self, pairs: Sequence[tuple[tuple[Message, ...], str]], *, adapter: str | None = None
    ) -> list[Scored]:
        rows = [{"messages": encode_messages(messages), "answer": answer} for messages, answer in pairs]
        body = {"engine": self._engine, "pairs": rows, "adapter": adapter}
        with _as_engine_errors():
            reply = await self._clients.here().post("/score", json=body)
        return [decode_scored(row) for row in _answered(reply)["scored"]]

    async def close(self) -> None:
        """Let go of the connections; the server's engine stays open."""
        await self._clients.close()
        self._now.close()

    def _said(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A short question, asked while the caller waits: the server is on this machine."""
        with _as_engine_errors():
            return _answered(self._now.post(path, json={"engine": self._engine, **body}))


async def _line(lines: AsyncIterator[bytes], ends: float | None) -> bytes | None:
    try:
        async with asyncio.timeout_at(ends):
            return await anext(lines, None)
    except TimeoutError:
        raise EngineTimeout("the server did not keep the deadline", retriable=True) from None


def _row(line: bytes) -> dict[str, Any]:
    """A line's object; raises the error that it carries."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise EngineError(f"the server sent a line that is not JSON: {line[:80]!r}") from error
    if not isinstance(row, dict):
        raise EngineError(f"the server sent a line that is no object: {line[:80]!r}")
    if row.get("type") == "error":
        raise decode_error(row)
    return row


def _answered(reply: httpx2.Response) -> dict[str, Any]:
    if reply.status_code != 200:
        raise _refusal(reply.status_code, reply.content)
    return dict(reply.json())


def _refusal(status: int, body: bytes) -> Exception:
    """The error that a reply carries in the API's own form."""
    try:
        return decode_error(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return EngineError(f"the server answered with status {status}: {body[:80]!r}", retriable=status >= 500)


@contextmanager
def _as_engine_errors() -> Iterator[None]:
    try:
        yield
    except httpx2.TimeoutException as error:
        raise EngineTimeout(f"the server did not answer in time: {error!r}", retriable=True) from error
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise EngineError(f"the server cannot be reached; it may have stopped: {error!r}", retriable=True) from error
