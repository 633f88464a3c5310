"""Keep as much of the beginning of a long text as the model can read: the plainest way to answer about it."""

from collections.abc import AsyncIterator

from pydantic import BaseModel, ConfigDict

from afina.border import aclosing
from afina.contracts import Answerer, Control
from afina.domain.answer import Chose, Piece
from afina.domain.ask import Ask
from afina.errors import TooLong
from afina.knowledge.sentences import sentences
from afina.mechanisms.control._long import MARGIN, Long, asking, divided, preceded, tokens_a_char
from afina.parts import Stock

STAGE = "shortened"
TRIES = 6
"""Times a text is cut further where the estimate of its tokens was too low."""


class Options(BaseModel):
    """None: how much is kept follows from the model's window."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def build(options: Options, stock: Stock) -> Control:
    return shortened


def shortened(inner: Answerer) -> Answerer:
    """What `inner` answers, or where it refuses the request as too long, what it answers to the beginning of the text
    that stands in the last question (see `_long.divided`), up to the end of a sentence.

    Raises:
        TooLong: the request is too long even without the text.
    """

    async def answer(ask: Ask, /) -> AsyncIterator[Piece]:
        long, kept, told = divided(ask.question), len(divided(ask.question).text), list[Piece]()
        asked = ask
        for tries in range(TRIES + 1):
            try:
                async with aclosing(preceded(told, inner(asked))) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except TooLong as refused:
                kept = beginning(long, kept, asked, refused)
                if not kept or tries == TRIES:
                    raise
            told = [Chose(STAGE, f"{kept} of {len(long.text)} characters", stage=STAGE)]
            asked = asking(ask, Long(long.instruction, long.text[:kept]).whole)

    return answer


def beginning(long: Long, kept: int, asked: Ask, refused: TooLong) -> int:
    """How many characters of the text to keep now that `kept` were refused; 0 if there is no room for any."""
    over = refused.prompt_tokens + refused.max_tokens - refused.context_tokens
    rate = tokens_a_char(asked, refused)
    room = int((kept - over / rate) * MARGIN) if rate else 0
    head = long.text[: max(0, min(room, kept - 1))]
    ends = [end for _, end in sentences(head)]
    whole = [end for end in ends[:-1] if end >= len(head) // 2]
    return whole[-1] if whole else len(head.rstrip())
