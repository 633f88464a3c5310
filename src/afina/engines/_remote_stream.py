"""The event stream of a chat completion, read with suspicion: lines are bounded, waits limited, ends checked."""

import asyncio
import json
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from afina.border import aclosing
from afina.contracts import Prompt
from afina.domain.answer import Finish, FinishReason, Logprobs, Piece, Text, TokenLogprob, Used
from afina.engines._http import bounded_lines
from afina.engines._refusing import DEFAULT_ANSWER_TOKENS
from afina.errors import EngineError, EngineTimeout

FINISHES: Mapping[str, FinishReason] = {
    "stop": "stop", "length": "length", "content_filter": "content_filter",
    "tool_calls": "tool_calls", "function_call": "tool_calls",
}  # fmt: skip
NOISE_LINES = 10_000
"""Comments and empty lines that a stream may have for each event of sense: servers send them to keep a line open."""
DONE = b"[DONE]"


@dataclass(frozen=True, slots=True)
class Limits:
    """ends: on the monotonic clock. where: what errors call the server."""

    ends: float
    first_token_s: float
    between_s: float
    where: str

    def left(self, at_most: float) -> float:
        return min(self.ends - time.monotonic(), at_most)


@dataclass(frozen=True, slots=True)
class Prices:
    """Money for a million tokens; None is unknown."""

    input: float | None
    output: float | None

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        if self.input is None and self.output is None:
            return None
        return (prompt_tokens * (self.input or 0.0) + completion_tokens * (self.output or 0.0)) / 1e6


@dataclass
class Account:
    """What an answer took: estimated until the server tells its own figures."""

    prompt: Prompt
    started: float
    prices: Prices
    count_text: Callable[[str], int]
    engine: str
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int | None = None
    said: dict[int, str] = field(default_factory=dict)
    first_s: dict[int, float] = field(default_factory=dict)
    finishes: dict[int, FinishReason] = field(default_factory=dict)

    @property
    def choices(self) -> range:
        return range(self.prompt.sampling.n)

    @property
    def complete(self) -> bool:
        return set(self.finishes) >= set(self.choices)

    def told(self, usage: Mapping[str, Any]) -> None:
        """Take the server's own figures."""
        self.prompt_tokens = _count(usage.get("prompt_tokens"), self.prompt_tokens)
        self.completion_tokens = _count(usage.get("completion_tokens"), self.completion_tokens)
        details = usage.get("prompt_tokens_details")
        if isinstance(details, dict):
            self.cached_tokens = _count(details.get("cached_tokens"), 0)

    def ends(self) -> Iterator[Piece]:
        """Used and Finish of every choice. The prompt counts with the first one; the server tells one figure for all
        choices' tokens, which is shared out by the length of their texts."""
        estimates = [self.count_text(self.said.get(choice, "")) for choice in self.choices]
        shares = _shared(self.completion_tokens, estimates)
        for choice, tokens in zip(self.choices, shares, strict=True):
            prompt_tokens = 0 if choice else self.prompt_tokens
            yield Used(
                choice=choice,
                prompt_tokens=prompt_tokens,
                completion_tokens=tokens,
                cached_tokens=0 if choice else self.cached_tokens,
                seconds=time.monotonic() - self.started,
                first_s=self.first_s.get(choice),
                cost=self.prices.cost(prompt_tokens, tokens),
                engine=self.engine,
            )
            yield Finish(choice=choice, reason=self.finishes[choice])


async def read_answer(response: httpx2.Response, account: Account, limits: Limits) -> AsyncGenerator[Piece, None]:
    """The pieces of a streamed completion.

    Raises:
        EngineTimeout: the first token, the next one, or the end did not come in time.
        EngineError: what came is no stream of completions, is endless, says that it failed, or ended before its end.
    """
    kind = response.headers.get("content-type", "")
    if "text/event-stream" not in kind:
        raise EngineError(f'{limits.where} did not stream, it sent "{kind[:60]}"; is the address right?')
    most = (account.prompt.sampling.max_tokens or DEFAULT_ANSWER_TOKENS) * len(account.choices) * 4 + 1000
    async with aclosing(_events(response, limits)) as events:
        async for event in events:
            for piece in _pieces(event, account, limits):
                yield piece
            most -= 1
            if most < 0:
                raise EngineError(f"{limits.where} does not stop answering")
    if not account.complete:
        raise EngineError(f"the answer of {limits.where} ended before its end", retriable=True)
    for piece in account.ends():
        yield piece


async def _events(response: httpx2.Response, limits: Limits) -> AsyncGenerator[dict[str, Any], None]:
    """The objects of `data:` lines until [DONE] or the end; comments and other fields are passed over."""
    waited_since, first, noise = time.monotonic(), True, 0
    async with aclosing(bounded_lines(response)) as lines:
        while (line := await _line(lines, limits, waited_since, first=first)) is not None:
            if not line.startswith(b"data:"):
                noise += 1
                if noise > NOISE_LINES or line.lstrip().startswith(b"<"):
                    raise EngineError(f"{limits.where} sent what is no stream of completions: {line[:60]!r}")
                continue
            data = line[5:].strip()
            if data == DONE:
                return
            yield _object(data, limits)
            waited_since, first, noise = time.monotonic(), False, 0


async def _line(lines: AsyncIterator[bytes], limits: Limits, since: float, *, first: bool) -> bytes | None:
    """The next line; None at the end. The wait counts from the last event of sense, not from the last comment."""
    allowed = limits.first_token_s if first else limits.between_s
    try:
        async with asyncio.timeout(max(limits.left(since + allowed - time.monotonic()), 0)):
            return await anext(lines, None)
    except TimeoutError:
        what = "the whole answer" if limits.left(math.inf) <= 0 else "the first token" if first else "the next token"
        raise EngineTimeout(f"{what} of {limits.where} did not come in time", retriable=True) from None


def _object(data: bytes, limits: Limits) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except ValueError as error:
        raise EngineError(f"{limits.where} sent an event that is not JSON: {data[:60]!r}") from error
    if not isinstance(value, dict):
        raise EngineError(f"{limits.where} sent an event that is no object: {data[:60]!r}")
    if value.get("error"):
        failed = value["error"]
        message = failed.get("message") if isinstance(failed, dict) else failed
        raise EngineError(f"{limits.where} failed: {str(message)[:300]}", retriable=True)
    return value


def _pieces(event: Mapping[str, Any], account: Account, limits: Limits) -> Iterator[Piece]:
    try:
        if isinstance(event.get("usage"), dict):
            account.told(event["usage"])
        for choice in event.get("choices") or ():
            yield from _of_choice(choice, account)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EngineError(f"{limits.where} sent an event of another form than a completion's: {error!r}") from error


def _of_choice(choice: Mapping[str, Any], account: Account) -> Iterator[Piece]:
    index = int(choice.get("index") or 0)
    if index not in account.choices:
        raise ValueError(f"choice {index} was not asked for")
    text = (choice.get("delta") or {}).get("content")
    if text:
        account.first_s.setdefault(index, time.monotonic() - account.started)
        account.said[index] = account.said.get(index, "") + text
        yield Text(choice=index, text=str(text))
    tokens = (choice.get("logprobs") or {}).get("content")
    if tokens and account.prompt.sampling.logprobs:
        yield Logprobs(choice=index, tokens=tuple(_token(t) for t in tokens))
    if choice.get("finish_reason"):
        account.finishes[index] = FINISHES.get(choice["finish_reason"], "stop")


def _token(row: Mapping[str, Any]) -> TokenLogprob:
    top = tuple((str(t["token"]), float(t["logprob"])) for t in row.get("top_logprobs") or ())
    return TokenLogprob(str(row["token"]), float(row["logprob"]), top)


def _count(value: object, otherwise: Any) -> Any:
    return value if isinstance(value, int) and value >= 0 else otherwise


def _shared(total: int | None, estimates: list[int]) -> list[int]:
    """`total` in parts like the estimates, adding up to it; the estimates themselves if there is no total."""
    if total is None or not estimates:
        return estimates
    whole = sum(estimates) or len(estimates)
    parts = [total * (estimate or (not sum(estimates))) // whole for estimate in estimates]
    parts[0] += total - sum(parts)
    return parts
