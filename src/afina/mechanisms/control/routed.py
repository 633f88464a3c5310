"""Let a small model answer where its own confidence allows, and a large one otherwise."""

import math
from collections.abc import AsyncIterator
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from afina.border import aclosing
from afina.contracts import Answerer, Control, Policy
from afina.domain.abstention import abstains
from afina.domain.answer import Answer, Chose, Logprobs, Piece, collected
from afina.domain.ask import Ask
from afina.parts import RecipeName, Stock


class Options(BaseModel):
    """large: name of the recipe that answers when the draft may not stand.
    min_confidence: geometric mean probability of the draft's tokens, in [0, 1], from which it may."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    large: RecipeName
    min_confidence: float = Field(default=0.6, ge=0, le=1)


def build(options: Options, stock: Stock) -> Control:
    large = stock.answerer(options.large)
    return lambda small: routed(small, large, trust=confident(options.min_confidence))


def confident(minimum: float) -> Policy:
    """A draft stands if it is sure of its tokens and does not abstain."""

    def trust(ask: Ask, draft: Answer, /) -> tuple[bool, str]:
        if abstains(draft.text) or not draft.logprobs:
            return False, "the draft abstains" if draft.text else "the draft says nothing"
        confidence = math.exp(sum(t.logprob for t in draft.logprobs) / len(draft.logprobs))
        return confidence >= minimum, f"confidence {confidence:.2f}, asked {minimum:.2f}"

    return trust


def routed(small: Answerer, large: Answerer, *, trust: Policy) -> Answerer:
    """Let `small` answer when `trust` says so; otherwise `large`. Text of a rejected draft never reaches the client.

    A draft that failed or was cut off never stands, whatever `trust` would say of what there is of it.
    """

    async def answer(ask: Ask, /) -> AsyncIterator[Piece]:
        wanted = ask.sampling.logprobs
        draft = await collected(small(replace(ask, sampling=replace(ask.sampling, logprobs=True, n=1))))
        unfinished = _unfinished(draft)
        stands, why = (False, unfinished) if unfinished else trust(ask, draft)
        told: list[Piece] = [Chose("small" if stands else "large", why, stage="routed")]
        if stands and ask.sampling.n == 1:
            for piece in (*told, *(p for p in draft.pieces if wanted or not isinstance(p, Logprobs))):
                yield piece
            return
        told.append(replace(draft.used, stage="draft"))
        async with aclosing((small if stands else large)(ask)) as pieces:
            async for piece in pieces:  # nothing before its first piece: until then it may still refuse
                while told:
                    yield told.pop(0)
                yield piece

    return answer


def _unfinished(draft: Answer) -> str:
    """Why a draft is not the whole of an answer; empty if it is."""
    if draft.failed is not None:
        return "the draft failed"
    return "the draft was cut off" if draft.finish == "length" else ""
