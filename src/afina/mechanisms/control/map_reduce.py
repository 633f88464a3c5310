"""Answer about a text that is longer than the model's window: notes on each part, then an answer from the notes.

As the summaries of summaries of Wu et al. 2021 (arXiv 2109.10862), without training for it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import ceil

from pydantic import BaseModel, ConfigDict, Field

from afina.border import aclosing, in_thread
from afina.contracts import Answerer, Control
from afina.domain.answer import Answer, Assembled, Chose, Piece, Used, collected
from afina.domain.ask import Ask
from afina.errors import BadRequest, EngineError, TooLong
from afina.knowledge.language import language_of
from afina.knowledge.split import spans
from afina.mechanisms.control._long import MARGIN, Long, asking, divided, preceded, tokens_a_char
from afina.parts import Stock

STAGE = "map_reduce"
LEVELS = 5
"""Times that notes on notes are made."""

SHRINKS = 0.9
"""Notes that are longer than this share of their text lead nowhere."""

FEWEST_CHARS = 200
"""A part this short is not cut further."""

NOTES = {
    "en": "This is part {part} of {parts} of a long text. Write short notes of what it says that bears on the task: "
    "names, numbers, dates, what happened. Only the notes. The task: {task}",
    "es": "Esta es la parte {part} de {parts} de un texto largo. Escribe notas breves de lo que dice sobre la tarea: "
    "nombres, cifras, fechas, qué pasó. Solo las notas. La tarea: {task}",
}
TASK = {"en": "Summarise the text.", "es": "Resume el texto."}
"""Where the request has no instruction."""

FROM_NOTES = {"en": "Notes on the parts of the text, in order:", "es": "Notas sobre las partes del texto, en orden:"}


class Options(BaseModel):
    """notes: language -> instruction for one part; {part}, {parts} and {task} are filled in, and the part follows.
    part_tokens: the most of a part, as the workspace's embedder counts; 0: what the model has room for, and only if the
    text does not fit as a whole. max_parts: a text of more is refused. notes_tokens: the longest notes on a part.
    together: parts that are read at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    notes: dict[str, str] = Field(default_factory=lambda: dict(NOTES), min_length=1)
    part_tokens: int = Field(default=0, ge=0)
    max_parts: int = Field(default=64, ge=2, le=1000)
    notes_tokens: int = Field(default=160, ge=16, le=4096)
    together: int = Field(default=4, ge=1, le=64)


def build(options: Options, stock: Stock) -> Control:
    count = stock.embedder().count if options.part_tokens else len
    return lambda inner: in_parts(inner, options, count=count)


@dataclass(frozen=True, slots=True)
class Size:
    """How long a part may be: `most` by `count`."""

    count: Callable[[str], int]
    most: int


def in_parts(inner: Answerer, options: Options, *, count: Callable[[str], int]) -> Answerer:
    """What `inner` answers, or where the text in the last question (see `_long.divided`) is too long for it, what it
    answers from its own notes on the parts; notes that are too long are noted again. Only the last answer is streamed.

    Raises:
        BadRequest: more than `max_parts` parts.
        TooLong: the notes do not get shorter, or there is no room for a text at all.
        EngineError: notes on a part failed.
    """

    async def answer(ask: Ask, /) -> AsyncIterator[Piece]:
        reading = Reading(inner, options, ask, language_of(ask.question, unsure="en")[:2])
        long, told = divided(ask.question), list[Piece]()
        asked = ask
        if options.part_tokens and await in_thread(count, long.text) > options.part_tokens:
            long, told = await reading.noted(long, Size(count, options.part_tokens), told)
            asked = reading.asked(long)
        for level in range(LEVELS + 1):
            try:
                async with aclosing(preceded(told, inner(asked))) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except TooLong as refused:
                size = fitting(refused, asked, long, options)
                if size is None or level == LEVELS:
                    raise
                refusal = refused
            before, (long, told) = len(long.text), await reading.noted(long, size, told)
            if len(long.text) > SHRINKS * before:
                raise refusal
            asked = reading.asked(long)

    return answer


def fitting(refused: TooLong, asked: Ask, long: Long, options: Options) -> Size | None:
    """Parts that leave room for notes, by the tokens that the engine counted; None if there is no room."""
    rate = tokens_a_char(asked, refused)
    around = refused.prompt_tokens - rate * len(long.text)
    told = rate * (max(map(len, options.notes.values())) + len(long.instruction))
    room = int((refused.context_tokens - options.notes_tokens - around - told) * MARGIN)
    if not long.text.strip() or room < rate * FEWEST_CHARS:
        return None
    return Size(lambda text: ceil(len(text) * rate), room)


@dataclass(frozen=True, slots=True)
class Reading:
    """One request that is answered in parts."""

    inner: Answerer
    options: Options
    ask: Ask
    lang: str

    def asked(self, long: Long) -> Ask:
        """The request over notes in place of the text."""
        instruction = long.instruction or _in(self.lang, TASK)
        return asking(self.ask, f"{instruction}\n\n{_in(self.lang, FROM_NOTES)}\n\n{long.text}")

    async def noted(self, long: Long, size: Size, told: list[Piece]) -> tuple[Long, list[Piece]]:
        """The notes in place of the text, and what is to be told of making them, after what was told before."""
        places = await in_thread(partial(spans, long.text, count=size.count, most=size.most))
        if len(places) > self.options.max_parts:
            raise BadRequest(
                f"the text has {len(places)} parts of {size.most} tokens; at most {self.options.max_parts} are read: "
                "shorten it, or raise max_parts", param="messages",
            )  # fmt: skip
        parts = [long.text[start:end] for start, end in places]
        answers = [answer for found in await self._read(long, parts) for answer in found]
        notes = "\n\n".join(answer.text.strip() for answer in answers if answer.text.strip())
        if not notes:
            raise EngineError(f"the model made no notes on any of {len(parts)} parts")
        made = [_of_notes(p) for answer in answers for p in answer.pieces if isinstance(p, Assembled | Used)]
        chose = Chose("in parts", f"{len(answers)} parts", stage=STAGE)
        return Long(long.instruction, notes), [*told, chose, *made]

    async def _read(self, long: Long, parts: list[str]) -> list[list[Answer]]:
        """Notes on each part in order, so many at once; when one fails, or the caller leaves, the others are left."""
        gate, ends = asyncio.Semaphore(self.options.together), _deadline(self.ask)

        async def one(number: int, part: str) -> list[Answer]:
            instruction = _in(self.lang, self.options.notes)
            for name, value in (("part", number), ("parts", len(parts)), ("task", long.instruction or self.task)):
                instruction = instruction.replace(f"{{{name}}}", str(value))
            async with gate:
                return await self._notes(Long(instruction, part), ends)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(n, part)) for n, part in enumerate(parts, start=1)]
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        return [task.result() for task in tasks]

    async def _notes(self, long: Long, ends: float | None) -> list[Answer]:
        """On one part; on its halves, where it has more tokens than was thought."""
        left = None if ends is None else max(0.001, ends - time.monotonic())
        few = replace(self.ask.sampling, max_tokens=self.options.notes_tokens, n=1, logprobs=False, top_logprobs=0)
        ask = replace(asking(self.ask, long.whole), sampling=few, schema=None, tools=(), deadline_s=left)
        try:
            found = await collected(self.inner(ask))
        except TooLong:
            if len(long.text) < FEWEST_CHARS:
                raise
            halves = spans(long.text, count=len, most=ceil(len(long.text) / 2))
            read = [await self._notes(Long(long.instruction, long.text[a:b]), ends) for a, b in halves]
            return [answer for one in read for answer in one]
        if found.failed is not None:
            raise EngineError(f"notes on a part failed: {found.failed.message}", retriable=True)
        return [found]

    @property
    def task(self) -> str:
        return _in(self.lang, TASK)


def _in(lang: str, texts: Mapping[str, str]) -> str:
    return texts.get(lang) or texts.get("en") or next(iter(texts.values()))


def _deadline(ask: Ask) -> float | None:
    return None if ask.deadline_s is None else time.monotonic() + ask.deadline_s


def _of_notes(piece: Assembled | Used) -> Piece:
    """As of a step before the answer: what the client waits for first is the answer's first token."""
    return replace(piece, stage="notes", first_s=None) if isinstance(piece, Used) else replace(piece, stage="notes")
