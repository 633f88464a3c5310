"""Requests whose last message is an instruction and a long text: told apart, and put together again."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from afina.border import aclosing
from afina.domain.answer import Piece
from afina.domain.ask import Ask
from afina.domain.message import Message
from afina.errors import TooLong

MOST_INSTRUCTION_CHARS = 600
MARGIN = 0.95
"""Of the room that there is by estimate: tokens are not spread evenly over a text."""

_BORDER = re.compile(r"\n[^\S\n]*\n\s*")


@dataclass(frozen=True, slots=True)
class Long:
    """instruction: the first paragraph, if it is short and something follows it; else ''. text: the rest."""

    instruction: str
    text: str

    @property
    def whole(self) -> str:
        return f"{self.instruction}\n\n{self.text}" if self.instruction else self.text


def divided(question: str) -> Long:
    """An instruction comes first and a blank line ends it."""
    border = _BORDER.search(question)
    if border is None or not 0 < border.start() <= MOST_INSTRUCTION_CHARS or border.end() == len(question):
        return Long("", question)
    return Long(question[: border.start()], question[border.end() :])


def asking(ask: Ask, question: str) -> Ask:
    """The same request with another last question; there must be one."""
    place = max(n for n, m in enumerate(ask.messages) if m.role == "user")
    messages = (*ask.messages[:place], Message("user", question), *ask.messages[place + 1 :])
    return replace(ask, messages=messages)


def tokens_a_char(ask: Ask, refused: TooLong) -> float:
    """What a character of a refused request took, by its engine's count; what was gathered counts as well."""
    texts = [m.content for m in ask.messages] + list(ask.gathered.instructions)
    return refused.prompt_tokens / max(1, sum(map(len, texts)))


async def preceded(told: list[Piece], stream: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    """A stream with pieces before its first: until there is one, it may still refuse."""
    async with aclosing(stream) as pieces:
        async for piece in pieces:
            while told:
                yield told.pop(0)
            yield piece
