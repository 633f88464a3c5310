"""EchoEngine: a scripted engine for tests. Deterministic, streams word by word, and obeys the whole contract."""

import json
import math
import random
import re
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from afina.contracts import Capabilities, EngineCard, Prompt, Scored
from afina.domain.answer import Finish, FinishReason, Logprobs, Piece, Text, TokenLogprob, Used
from afina.domain.message import Message
from afina.engines._late import failing_late
from afina.engines._refusing import refuse_unsupported, room_for_answer
from afina.engines._stops import StopFilter
from afina.errors import AfinaError, EngineTimeout, NotFound, Unsupported
from afina.testing.clock import WALL, Clock

Answers = str | Sequence[str] | Mapping[str, str] | Callable[[Prompt, int], str] | None
"""What to answer: one text; texts in turn (the last one stays); the text of the first key that stands in the last
user message; a function of prompt and choice; None repeats the last user message."""

ALL = Capabilities(
    adapters=True, logprobs=True, top_logprobs=5, logit_bias=True, schema=True, tools=False, score=True, seed=True
)
END_OF_TURN = 0
SURE, ELSE = math.log(0.9), math.log(0.01)


@dataclass
class EchoEngine:
    """A model that says what its script says; a token is a word with the space before it.

    adapters: digest -> its own script; another adapter is NotFound.
    delay_s: before each word. error: raised (or sent as Failed) after `fail_after` words.
    asked: every prompt seen. cancelled: streams left before their end. running: streams at work now.
    """

    answers: Answers = None
    adapters: Mapping[str, Answers] = field(default_factory=dict)
    delay_s: float = 0.0
    error: AfinaError | None = None
    fail_after: int = 0
    context_tokens: int = 4096
    can: Capabilities = ALL
    name: str = "echo"
    base: str = ""
    clock: Clock = WALL
    asked: list[Prompt] = field(default_factory=list)
    cancelled: int = 0
    running: int = 0
    closed: bool = False

    @property
    def card(self) -> EngineCard:
        return EngineCard("echo", self.name, self.base, self.context_tokens, self.can)

    def count(self, messages: Sequence[Message]) -> int:
        """Words, one more for each message's role and one for the turn to answer."""
        return sum(len(words(m.content)) + 1 for m in messages) + 1

    def count_text(self, text: str) -> int:
        return len(words(text))

    def generate(self, prompt: Prompt, /) -> AsyncIterator[Piece]:
        return failing_late(self._counted(prompt), choices=prompt.sampling.n)

    async def _counted(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        refuse_unsupported(prompt, self.card)
        room = room_for_answer(self.count(prompt.messages), prompt.sampling.max_tokens, self.context_tokens)
        scripts = [self._says(prompt, choice) for choice in range(prompt.sampling.n)]
        self.asked.append(prompt)
        self.running += 1
        done = False
        try:
            async with aclosing(self._choices(prompt, scripts, room)) as pieces:
                async for piece in pieces:
                    yield piece
            done = True
        except AfinaError:
            done = True
            raise
        finally:
            self.running -= 1
            self.cancelled += not done

    async def _choices(self, prompt: Prompt, scripts: list[list[str]], room: int) -> AsyncGenerator[Piece, None]:
        started = self.clock.now()
        for choice, script in enumerate(scripts):
            async with aclosing(self._one(prompt, script[:room], choice, started)) as pieces:
                async for piece in pieces:
                    yield piece
            reason: FinishReason = "length" if len(script) > room else "stop"
            yield Finish(choice=choice, reason=reason)

    async def _one(self, prompt: Prompt, script: list[str], choice: int, started: float) -> AsyncGenerator[Piece, None]:
        stops, first_s, said = StopFilter(prompt.sampling.stop), None, 0
        for word in script:
            await self._wait(prompt, started, said)
            first_s = self.clock.now() - started if first_s is None else first_s
            said += 1
            if text := stops.feed(word):
                yield Text(choice=choice, text=text)
            if stops.stopped:
                break
            if prompt.sampling.logprobs:
                yield Logprobs(choice=choice, tokens=(logprob_of(word, prompt.sampling.top_logprobs),))
        await self._wait(prompt, started, said)
        if text := stops.flush():
            yield Text(choice=choice, text=text)
        yield Used(
            choice=choice,
            prompt_tokens=0 if choice else self.count(prompt.messages),
            completion_tokens=said,
            seconds=self.clock.now() - started,
            first_s=first_s,
            engine=self.card.fingerprint,
        )

    async def _wait(self, prompt: Prompt, started: float, said: int) -> None:
        await self.clock.sleep(self.delay_s)
        if self.error is not None and said >= self.fail_after:
            raise self.error
        if prompt.deadline_s is not None and self.clock.now() - started >= prompt.deadline_s:
            raise EngineTimeout(f"the answer took over {prompt.deadline_s:g} s", retriable=True)

    def _says(self, prompt: Prompt, choice: int) -> list[str]:
        if prompt.adapter is not None and prompt.adapter not in self.adapters:
            raise NotFound(f'no adapter is called "{prompt.adapter}"')
        answers = self.answers if prompt.adapter is None else self.adapters[prompt.adapter]
        if prompt.schema is not None and answers is None:
            return words(json.dumps(smallest(prompt.schema)))
        script = words(self._text(answers, prompt, choice))
        return [w for w in script if prompt.sampling.logit_bias.get(id_of(w), 0.0) > -100]

    def _text(self, answers: Answers, prompt: Prompt, choice: int) -> str:
        question = next((m.content for m in reversed(prompt.messages) if m.role == "user"), "")
        if isinstance(answers, str) or answers is None:
            return question if answers is None else answers
        if isinstance(answers, Mapping):
            return next((text for key, text in answers.items() if key in question), question)
        if isinstance(answers, Sequence):
            return answers[min(len(self.asked), len(answers) - 1)]
        return answers(prompt, choice)

    async def score(
        self, pairs: Sequence[tuple[tuple[Message, ...], str]], *, adapter: str | None = None
    ) -> list[Scored]:
        if not self.can.score:
            raise Unsupported('the engine "echo" cannot score', param="score")
        return [self._score(messages, answer, adapter) for messages, answer in pairs]

    def _score(self, messages: tuple[Message, ...], answer: str, adapter: str | None) -> Scored:
        own = [*map(id_of, self._says(Prompt(messages, adapter=adapter), 0)), END_OF_TURN]
        ids = (*map(id_of, words(answer)), END_OF_TURN)
        best = tuple(own[min(at, len(own) - 1)] for at in range(len(ids)))
        return Scored(
            prompt_ids=tuple(map(id_of, rendered(messages))),
            ids=ids,
            logprobs=tuple(SURE if i == b else ELSE for i, b in zip(ids, best, strict=True)),
            best=best,
            best_logprobs=(SURE,) * len(ids),
            gaps=(SURE - ELSE,) * len(ids),
        )

    def cpu_seconds(self) -> float | None:
        return time.process_time()

    async def close(self) -> None:
        self.closed = True

    def failing(self, error: AfinaError, *, after: int = 0) -> "EchoEngine":
        """A copy that fails after so many words."""
        return replace(self, error=error, fail_after=after, asked=[])


def words(text: str) -> list[str]:
    """A text in words, each with the space before it; joined they are the text."""
    return re.findall(r"\s*\S+\s*\Z|\s*\S+", text)


def id_of(word: str) -> int:
    """A token id that is the same in every process; 0 is the end of a turn."""
    return zlib.crc32(word.encode()) % 1_000_000 + 1


def rendered(messages: Sequence[Message]) -> list[str]:
    """The tokens of a prompt: role and words of each message, then the turn to answer."""
    return [part for m in messages for part in (f"<{m.role}>", *words(m.content))] + ["<assistant>"]


def logprob_of(word: str, alternatives: int) -> TokenLogprob:
    others = random.Random(word).sample(range(1000), max(alternatives - 1, 0))
    top = ((word, SURE), *((f" alternative{number}", ELSE) for number in others))
    return TokenLogprob(word, SURE, top[:alternatives])


def smallest(schema: Mapping[str, Any]) -> Any:
    """A small value that obeys the common parts of a JSON schema."""
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type", "object")
    if kind == "object":
        return {name: smallest(schema["properties"][name]) for name in schema.get("properties", {})}
    if kind == "array":
        return [smallest(schema.get("items", {"type": "string"}))] * schema.get("minItems", 0)
    plain = {"string": "x" * schema.get("minLength", 0), "integer": 0, "number": 0.0, "boolean": False, "null": None}
    value = plain[kind]
    return max(value, schema.get("minimum", value)) if kind in ("integer", "number") else value
