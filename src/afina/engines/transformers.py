"""The reference engine: any causal language model of transformers, any PEFT adapter, on a CPU or with CUDA.

It is the one that others are measured against (float32 on a CPU by default), not the fastest. Reads safetensors only
and never code that a model brings along. A model is the workspace's base, a local folder, or a hub name, which is
fetched once by huggingface_hub. Needs the extra "train".
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from pydantic import BaseModel, ConfigDict, Field

from afina.contracts import Capabilities, EngineCard, Place, Prompt, Scored
from afina.domain.answer import Finish, Piece, Used
from afina.domain.message import Message
from afina.engines._batches import Job, Row, Worker
from afina.engines._forcing import Pair, batches, forced
from afina.engines._late import failing_late
from afina.engines._refusing import refuse_unsupported, room_for_answer
from afina.engines._torch_model import TorchModel, load_model
from afina.engines._weights_on_disk import digest_of_folder
from afina.errors import AfinaError, ConfigError, EngineError, EngineTimeout

CAN = Capabilities(adapters=True, logprobs=True, top_logprobs=20, logit_bias=True, score=True, seed=True)
HUB_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]


class Options(BaseModel):
    """model: a folder or a hub name; None is the workspace's base. revision: branch, tag or commit on the hub.

    dtype 'auto': float32 on a CPU, bfloat16 on CUDA. context_tokens: fewer than the model reads, to save memory.
    batch: the most answers computed at once; batch_tokens: the most prompt tokens, padding counted, of one group.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    attention: Literal["sdpa", "eager"] = "sdpa"
    context_tokens: int | None = Field(default=None, ge=16)
    batch: int = Field(default=16, ge=1)
    batch_tokens: int = Field(default=32_768, ge=1)
    adapters: int = Field(default=8, ge=1, description="adapters kept in memory")


class TransformersEngine:
    """An Engine over one TorchModel. Safe to use from several event loops; a thread of its own does the work."""

    def __init__(self, model: TorchModel, card: EngineCard, *, batch: int = 16, batch_tokens: int = 32_768) -> None:
        self._model, self._card = model, card
        self._worker = Worker(model, most_rows=batch, most_tokens=batch_tokens)

    @property
    def card(self) -> EngineCard:
        return self._card

    @property
    def running(self) -> int:
        """Choices being computed or waiting to be."""
        return self._worker.rows

    def count(self, messages: Sequence[Message]) -> int:
        return len(self._model.ids(messages))

    def count_text(self, text: str) -> int:
        return len(self._model.text_ids(text))

    def generate(self, prompt: Prompt, /) -> AsyncIterator[Piece]:
        return failing_late(self._stream(prompt), choices=prompt.sampling.n)

    async def _stream(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        refuse_unsupported(prompt, self._card)
        started = time.monotonic()
        ids = self._model.ids(prompt.messages)
        room = room_for_answer(len(ids), prompt.sampling.max_tokens, self._card.context_tokens)
        told, tell = _mailbox()
        rows = [Row(ids, prompt.sampling, room, choice, self._model) for choice in range(prompt.sampling.n)]
        job = Job(rows, prompt.adapter, tell)
        self._worker.add(job)
        first: dict[int, float] = {}
        try:
            for _ in rows:
                while not isinstance(piece := await _next(told, prompt.deadline_s, started), Finish):
                    first.setdefault(piece.choice, time.monotonic() - started)
                    yield piece
                yield self._used(rows[piece.choice], started, first.get(piece.choice))
                yield piece
        finally:
            job.left = True

    def _used(self, row: Row, started: float, first_s: float | None) -> Used:
        """What a choice took; the prompt is read once and counted with the first choice."""
        return Used(
            choice=row.choice,
            prompt_tokens=0 if row.choice else len(row.ids),
            completion_tokens=row.said,
            seconds=time.monotonic() - started,
            first_s=first_s,
            engine=self._card.fingerprint,
        )

    async def score(
        self, pairs: Sequence[tuple[tuple[Message, ...], str]], *, adapter: str | None = None
    ) -> list[Scored]:
        end = self._model.end_of_turn
        read = [Pair(tuple(self._model.ids(m)), (*self._model.text_ids(text), end)) for m, text in pairs]
        for pair in read:
            room_for_answer(len(pair.prompt), len(pair.answer), self._card.context_tokens)
        found: dict[int, Scored] = {}
        for batch in batches(read):  # one at a time, so that answering goes on between them
            work = self._worker.call(partial(forced, self._model, [read[at] for at in batch], adapter=adapter))
            found.update(zip(batch, await _settled(asyncio.wrap_future(work)), strict=True))
        return [found[at] for at in range(len(read))]

    def cpu_seconds(self) -> float | None:
        return time.process_time()

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._worker.close)


def build(options: Options, place: Place) -> TransformersEngine:
    """Load the model and start its thread.

    Raises:
        ConfigError: no model is named and the workspace has no base; the hub does not have it.
        BrokenArtefact: the folder is unsafe to load, or not a causal language model.
    """
    folder = _folder(options, place)
    model = load_model(
        folder,
        dtype=options.dtype,
        device=options.device,
        attention=options.attention,
        adapter=place.adapter,
        context_tokens=options.context_tokens,
    )
    model.most_adapters = options.adapters
    name = place.model or options.model or folder.name[:12]
    card = EngineCard("transformers", name, digest_of_folder(folder), model.context_tokens, CAN)
    return TransformersEngine(model, card, batch=options.batch, batch_tokens=options.batch_tokens)


def _folder(options: Options, place: Place) -> Path:
    if options.model is None:
        if place.base is None:
            raise ConfigError('the engine "transformers" has no model: set model to a folder or a hub name')
        return place.base
    if Path(options.model).is_dir():
        return Path(options.model)
    try:
        return Path(
            snapshot_download(
                options.model, revision=options.revision, allow_patterns=HUB_FILES, cache_dir=place.cache / "hub"
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f'"{options.model}" is neither a folder nor a model that the hub gives: {error}') from error


def _mailbox() -> tuple["asyncio.Queue[Piece | AfinaError]", "_Tell"]:
    """A queue of this event loop, and how a thread puts something into it."""
    loop, told = asyncio.get_running_loop(), asyncio.Queue[Piece | AfinaError]()
    return told, _Tell(loop, told)


class _Tell:
    def __init__(self, loop: asyncio.AbstractEventLoop, told: "asyncio.Queue[Piece | AfinaError]") -> None:
        self._loop, self._told = loop, told

    def __call__(self, piece: Piece | AfinaError) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told.put_nowait, piece)


async def _next(told: "asyncio.Queue[Piece | AfinaError]", deadline_s: float | None, started: float) -> Piece:
    """The next piece; raises what the thread sent, and EngineTimeout when the deadline passes."""
    left = None if deadline_s is None else deadline_s - (time.monotonic() - started)
    try:
        if left is not None and left <= 0:
            raise TimeoutError
        piece = await asyncio.wait_for(told.get(), left)
    except TimeoutError:
        raise EngineTimeout(f"the answer took over {deadline_s:g} s", retriable=True) from None
    if isinstance(piece, AfinaError):
        raise piece
    return piece


async def _settled(work: "asyncio.Future[list[Scored]]") -> list[Scored]:
    try:
        return await work
    except (RuntimeError, IndexError, ValueError) as error:
        raise EngineError(f"scoring failed: {error}") from error
