"""Any OpenAI-compatible server by URL: chat completions, streamed. Nothing of it runs here.

What the server can is said by options, as it cannot be asked; what is not said is refused. Token counts are estimates
until the server tells. Not here: tools, images, scoring, adapters. A request is sent again only while nothing of its
answer has arrived. Needs no extra.
"""

import asyncio
import math
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
from pydantic import BaseModel, ConfigDict, Field

from afina.border import aclosing
from afina.contracts import Capabilities, EngineCard, Place, Prompt, Scored
from afina.domain.answer import Piece
from afina.domain.message import Message
from afina.engines._http import IDENTITY, Clients, tls
from afina.engines._late import failing_late
from afina.engines._refusing import DEFAULT_ANSWER_TOKENS, refuse_unsupported
from afina.engines._remote_errors import RefusedError, refusal
from afina.engines._remote_stream import Account, Limits, Prices, read_answer
from afina.errors import ConfigError, EngineError, EngineTimeout, TooLong, Unsupported

REMOTE = True
"""It has no files in the workspace."""


class Options(BaseModel):
    """url: up to and with /v1. model: the name sent to the server. key_env: the environment variable with the key.

    logprobs, top_logprobs, logit_bias, response_format, seed: what the server obeys. max_tokens_field: its name for it.
    price_in, price_out: money for a million tokens. retries: after the first try. The times are seconds: to connect,
    to the first token, between tokens, in all. insecure: send a key in clear text to another machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    model: str
    key_env: str | None = None
    context_tokens: int = Field(default=8192, ge=16)
    logprobs: bool = False
    top_logprobs: int = Field(default=0, ge=0)
    logit_bias: bool = False
    response_format: bool = False
    seed: bool = False
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    price_in: float | None = Field(default=None, ge=0)
    price_out: float | None = Field(default=None, ge=0)
    retries: int = Field(default=2, ge=0, le=10)
    backoff_s: float = Field(default=0.5, gt=0)
    connect_s: float = Field(default=10, gt=0)
    first_token_s: float = Field(default=120, gt=0)
    between_tokens_s: float = Field(default=30, gt=0)
    total_s: float = Field(default=600, gt=0)
    insecure: bool = False


class OpenAIEngine:
    """An Engine behind HTTP. Safe to use from several event loops."""

    def __init__(self, options: Options, *, key: str | None) -> None:
        self._options, self._key = options, key
        bearer = {"authorization": f"Bearer {key}"} if key else {}
        self._clients = Clients(headers={**bearer, **IDENTITY}, verify=tls())
        self._url = options.url.rstrip("/") + "/chat/completions"
        can = Capabilities(
            logprobs=options.logprobs,
            top_logprobs=options.top_logprobs,
            logit_bias=options.logit_bias,
            schema=options.response_format,
            seed=options.seed,
        )
        self._card = EngineCard("openai", options.model, "", options.context_tokens, can)
        self._prices = Prices(options.price_in, options.price_out)
        self.running = 0

    @property
    def card(self) -> EngineCard:
        return self._card

    def count(self, messages: Sequence[Message]) -> int:
        """An upper estimate: a third of the bytes, 4 more for each message and for the answer's start."""
        return sum(self.count_text(m.content) + 4 for m in messages) + 4

    def count_text(self, text: str) -> int:
        """An upper estimate: a third of the bytes, or the words if there are more."""
        return max(math.ceil(len(text.encode(errors="replace")) / 3), len(text.split()))

    def generate(self, prompt: Prompt, /) -> AsyncIterator[Piece]:
        return failing_late(self._tries(prompt), choices=prompt.sampling.n)

    async def _tries(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """The answer of the first try that gives one. A try that failed after its first piece is the last."""
        refuse_unsupported(prompt, self._card)
        self._refuse_surely_too_long(prompt)
        started, answered = time.monotonic(), False
        limits = self._limits(prompt, started)
        for attempt in range(self._options.retries + 1):
            try:
                async with aclosing(self._once(prompt, started, limits)) as pieces:
                    async for piece in pieces:
                        answered = True
                        yield piece
                return
            except EngineError as error:
                if answered or not error.retriable or isinstance(error, EngineTimeout):
                    raise
                await self._wait_or_raise(error, attempt, limits)

    async def _once(self, prompt: Prompt, started: float, limits: Limits) -> AsyncGenerator[Piece, None]:
        account = Account(prompt, started, self._prices, self.count_text, engine=self._card.fingerprint)
        account.prompt_tokens = self.count(prompt.messages)
        self.running += 1
        try:
            request = self._clients.here().build_request("POST", self._url, json=self._body(prompt))
            response = await self._sent(request, limits)
            try:
                if response.status_code != 200:
                    raise await self._refused(response, prompt, limits)
                async with aclosing(read_answer(response, account, limits)) as pieces:
                    async for piece in pieces:
                        yield piece
            finally:
                await response.aclose()
        except httpx2.TimeoutException as error:
            raise EngineTimeout(f"{self._where} did not answer in time: {error!r}", retriable=True) from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise EngineError(f"{self._where} broke off: {self._hidden(repr(error))}", retriable=True) from error
        finally:
            self.running -= 1

    async def _sent(self, request: httpx2.Request, limits: Limits) -> httpx2.Response:
        request.extensions["timeout"] = {"connect": self._options.connect_s, "pool": self._options.connect_s}
        try:
            async with asyncio.timeout(limits.left(limits.first_token_s)):
                return await self._clients.here().send(request, stream=True)
        except TimeoutError:
            raise EngineTimeout(f"{self._where} did not begin to answer in time", retriable=True) from None

    async def _refused(self, response: httpx2.Response, prompt: Prompt, limits: Limits) -> Exception:
        """What an answer with another status than 200 means."""
        try:
            async with asyncio.timeout(limits.left(limits.between_s)):
                body = await _head(response)
        except TimeoutError:
            body = b""
        asked = self.count(prompt.messages), prompt.sampling.max_tokens or 1, self._card.context_tokens
        return refusal(response, body, asked=asked, where=self._where, hide=self._hidden)

    async def _wait_or_raise(self, error: EngineError, attempt: int, limits: Limits) -> None:
        """Wait before the next try; raise the error if there is none, or no time for it."""
        wait = self._options.backoff_s * 2**attempt
        if isinstance(error, RefusedError) and error.retry_after_s is not None:
            wait = error.retry_after_s
        if attempt >= self._options.retries or wait >= limits.left(math.inf):
            raise error
        await asyncio.sleep(wait)

    def _limits(self, prompt: Prompt, started: float) -> Limits:
        total = min(self._options.total_s, prompt.deadline_s if prompt.deadline_s is not None else math.inf)
        return Limits(started + total, self._options.first_token_s, self._options.between_tokens_s, self._where)

    def _refuse_surely_too_long(self, prompt: Prompt) -> None:
        """Only what cannot fit is refused here, at 5 bytes a token; about the rest the server knows better."""
        least = sum(len(m.content.encode(errors="replace")) for m in prompt.messages) // 5
        if least + (prompt.sampling.max_tokens or 1) >= self._card.context_tokens:
            raise TooLong(
                prompt_tokens=self.count(prompt.messages),
                max_tokens=prompt.sampling.max_tokens or 1,
                context_tokens=self._card.context_tokens,
            )

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        sampling = prompt.sampling
        body: dict[str, Any] = {
            "model": self._options.model,
            "messages": [{"role": m.role, "content": m.content} for m in prompt.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": sampling.temperature,
            self._options.max_tokens_field: sampling.max_tokens or DEFAULT_ANSWER_TOKENS,
        }
        return body | _set(prompt)

    @property
    def _where(self) -> str:
        return f'the server of "{self._options.model}" at {urlsplit(self._url).netloc}'

    def _hidden(self, text: str) -> str:
        """A text of the server without our key in it."""
        return text.replace(self._key, "(the key)") if self._key else text

    async def score(
        self, pairs: Sequence[tuple[tuple[Message, ...], str]], *, adapter: str | None = None
    ) -> list[Scored]:
        raise Unsupported('the engine "openai" cannot score: its servers do not take answers to read', param="score")

    def cpu_seconds(self) -> float | None:
        return None

    async def close(self) -> None:
        await self._clients.close()


def build(options: Options, place: Place) -> OpenAIEngine:
    """Nothing is sent yet.

    Raises:
        ConfigError: the URL is none, the key's variable is not set, or the key would travel in clear text.
    """
    parts = urlsplit(options.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ConfigError(f'url is "{options.url}"; it must be like https://host/v1, without a name or key in it')
    key = os.environ.get(options.key_env, "") if options.key_env else ""
    if options.key_env and not key:
        raise ConfigError(f"key_env names {options.key_env}, which is not set in the environment")
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if key and parts.scheme == "http" and not local and not options.insecure:
        raise ConfigError(f"the key would travel in clear text to {parts.hostname}; use https, or set insecure = true")
    if options.top_logprobs and not options.logprobs:
        raise ConfigError("top_logprobs needs logprobs = true")
    return OpenAIEngine(options, key=key or None)


def _set(prompt: Prompt) -> dict[str, Any]:
    """The fields that differ from OpenAI's defaults; servers refuse some of them even at their default."""
    sampling = prompt.sampling
    wanted = {
        "top_p": (sampling.top_p, 1.0),
        "n": (sampling.n, 1),
        "stop": (list(sampling.stop), []),
        "presence_penalty": (sampling.presence_penalty, 0.0),
        "frequency_penalty": (sampling.frequency_penalty, 0.0),
        "seed": (sampling.seed, None),
        "logprobs": (sampling.logprobs or sampling.top_logprobs > 0, False),
        "top_logprobs": (sampling.top_logprobs, 0),
        "logit_bias": ({str(token): value for token, value in sampling.logit_bias.items()}, {}),
    }
    body: dict[str, Any] = {name: value for name, (value, default) in wanted.items() if value != default}
    if prompt.schema is not None:
        schema = {"name": "answer", "schema": dict(prompt.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


async def _head(response: httpx2.Response, *, most_bytes: int = 65_536) -> bytes:
    """The beginning of a body; what says why a request was refused is never long."""
    body = b""
    async with aclosing(response.aiter_raw()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) >= most_bytes:
                break
    return body[:most_bytes]
