"""The pieces of an answer as they stream, and the answer they make.

Each piece names the choice it belongs to and the stage it comes from. A mechanism passes on what it does not know.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from afina.border import aclosing
from afina.domain.document import Found
from afina.domain.message import Message

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    choice: int = 0
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Text(Piece):
    text: str


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token as text, its bytes' natural log-probability, and the alternatives asked for."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Logprobs(Piece):
    tokens: tuple[TokenLogprob, ...]


@dataclass(frozen=True, slots=True)
class Sources(Piece):
    """The passages that stood in the prompt, in their order there: source n is found[n - 1]."""

    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Cited(Piece):
    """answer[start:end] is a sentence; source (from 1) supports it by passage.text[quote_start:quote_end].

    source None: the sentence was checked and nothing that stood in the prompt supports it.
    score: in [0, 1], higher is better support.
    """

    start: int
    end: int
    source: int | None
    quote_start: int = 0
    quote_end: int = 0
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Assembled(Piece):
    """Prompt tokens by part ('instructions', 'demonstrations', 'passages', 'background', 'messages'),
    what did not fit, as 'part: what', and the messages as the model read them."""

    tokens: Mapping[str, int]
    left_out: tuple[str, ...] = ()
    messages: tuple[Message, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Label(Piece):
    """A classifier's answer: the probability of each class, summing to 1."""

    distribution: Mapping[str, float]

    @property
    def best(self) -> str:
        """The most probable class; of equals the first by name."""
        return min(self.distribution, key=lambda name: (-self.distribution[name], name))


@dataclass(frozen=True, slots=True)
class Ranked(Piece):
    """A search's answer: passages, best first."""

    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Used(Piece):
    """What a step took. cost: money in the engine's currency, None if unpriced. first_s: to the first token."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    seconds: float = 0.0
    first_s: float | None = None
    cpu_s: float | None = None
    cost: float | None = None
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Chose(Piece):
    """A control mechanism's decision and why."""

    chosen: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Finish(Piece):
    reason: FinishReason


@dataclass(frozen=True, slots=True)
class Failed(Piece):
    """What went wrong after the first piece; before it, errors are exceptions."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that one choice's pieces said."""

    text: str = ""
    finish: FinishReason | None = None
    sources: tuple[Found, ...] = ()
    citations: tuple[Cited, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    assembled: Assembled | None = None
    label: Label | None = None
    ranked: Ranked | None = None
    used: Used = Used()
    chosen: tuple[Chose, ...] = ()
    failed: Failed | None = None
    pieces: tuple[Piece, ...] = field(default=(), repr=False, compare=False)


async def collected(stream: AsyncIterator[Piece], *, choice: int = 0) -> Answer:
    """Drain a stream into the answer of one choice; all pieces are kept in `pieces`."""
    async with aclosing(stream) as pieces:
        return answer_of([piece async for piece in pieces], choice=choice)


def answer_of(pieces: list[Piece], *, choice: int = 0) -> Answer:
    """The answer that pieces make; usage of several steps is added up."""
    mine = [p for p in pieces if p.choice == choice]
    finish = next((p.reason for p in reversed(mine) if isinstance(p, Finish)), None)
    return Answer(
        text="".join(p.text for p in mine if isinstance(p, Text)),
        finish=finish,
        sources=tuple(f for p in mine if isinstance(p, Sources) for f in p.found),
        citations=tuple(p for p in mine if isinstance(p, Cited)),
        logprobs=tuple(t for p in mine if isinstance(p, Logprobs) for t in p.tokens),
        assembled=next((p for p in reversed(mine) if isinstance(p, Assembled)), None),
        label=next((p for p in reversed(mine) if isinstance(p, Label)), None),
        ranked=next((p for p in reversed(mine) if isinstance(p, Ranked)), None),
        used=used_by([p for p in mine if isinstance(p, Used)]),
        chosen=tuple(p for p in mine if isinstance(p, Chose)),
        failed=next((p for p in mine if isinstance(p, Failed)), None),
        pieces=tuple(pieces),
    )


def used_by(steps: list[Used]) -> Used:
    """The sum of several steps; unknown stays unknown only if every step is unknown."""

    def total(values: list[float | None]) -> float | None:
        known = [v for v in values if v is not None]
        return sum(known) if known else None

    return Used(
        prompt_tokens=sum(s.prompt_tokens for s in steps),
        completion_tokens=sum(s.completion_tokens for s in steps),
        cached_tokens=sum(s.cached_tokens for s in steps),
        seconds=sum(s.seconds for s in steps),
        first_s=next((s.first_s for s in steps if s.first_s is not None), None),
        cpu_s=total([s.cpu_s for s in steps]),
        cost=total([s.cost for s in steps]),
        engine=", ".join(dict.fromkeys(s.engine for s in steps if s.engine)),
    )
