"""One case put to one way of answering: timed, scored, and written down as a row whatever goes wrong."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from afina.border import aclosing
from afina.contracts import Answerer, Score, Scorer
from afina.domain.answer import Answer, Assembled, Piece, Text, Used, answer_of
from afina.domain.ask import Ask
from afina.domain.document import digest
from afina.domain.example import Case
from afina.domain.message import Message
from afina.domain.row import Row, Source
from afina.errors import AfinaError, OutsideError

DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Questioning:
    """How a case becomes a request, and what judges the answer. timeout_s: longest wait for one case."""

    ask_for: Callable[[Case], Ask]
    scorers: Mapping[str, Scorer]
    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """The row of a case, and the messages that were read for it: digest -> (role, content)."""

    row: Row
    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)


async def asked(name: str, answerer: Answerer, case: Case, how: Questioning) -> Asked:
    """The answer of the arm `name` to one case, scored; whatever goes wrong is written down in it."""
    try:
        async with asyncio.timeout(how.timeout_s):
            answer = await _timed(answerer, how.ask_for(case))
    except TimeoutError:
        return _failure(name, case, f"no answer within {how.timeout_s:g} s", retriable=True)
    except AfinaError as error:
        return _failure(name, case, f"{error.code}: {error}", retriable=isinstance(error, OutsideError))
    except Exception as error:  # noqa: BLE001  (one evaluated case may fail in any way; the study goes on)
        return _failure(name, case, f"{type(error).__name__}: {error}", retriable=False)
    if answer.failed:
        return _failure(name, case, f"{answer.failed.code}: {answer.failed.message}", retriable=True)
    return _success(name, case, answer, how.scorers)


def _success(name: str, case: Case, answer: Answer, scorers: Mapping[str, Scorer]) -> Asked:
    scores = {scorer: scored(judge, case, answer) for scorer, judge in scorers.items()}
    read = [p.messages for p in answer.pieces if isinstance(p, Assembled) and p.messages]
    texts = {digest_of(m): (m.role, m.content) for messages in read for m in messages}
    row = Row(
        arm=name, case=case.id, turn="quality", block=0, answer=answer.text, used=answer.used,
        scores={scorer: score.value for scorer, score in scores.items()},
        whys={scorer: score.why for scorer, score in scores.items() if score.why},
        sources=_sources(answer), prompts=tuple(tuple(digest_of(m) for m in messages) for messages in read),
        confidence=max(answer.label.distribution.values()) if answer.label else None,
    )  # fmt: skip
    return Asked(row, texts)


def _failure(name: str, case: Case, reason: str, *, retriable: bool) -> Asked:
    return Asked(Row(arm=name, case=case.id, turn="quality", block=0, failed=reason, retriable=retriable))


def scored(scorer: Scorer, case: Case, answer: Answer) -> Score:
    """A score; a scorer that breaks its contract by raising, or by something that is no number, gives no verdict."""
    try:
        score = scorer(case, answer)
        if score.value is not None and score.value != score.value:
            return Score(None, "the scorer gave NaN")
    except Exception as error:  # noqa: BLE001  (as above)
        return Score(None, f"the scorer failed: {type(error).__name__}: {error}")
    return score


def digest_of(message: Message) -> str:
    return digest(message.role, message.content)[:DIGEST_LENGTH]


async def _timed(answerer: Answerer, ask: Ask) -> Answer:
    """The whole answer, with seconds as whoever asked felt them: gathering and waiting count."""
    started = time.monotonic()
    first_s: float | None = None
    pieces: list[Piece] = []
    async with aclosing(answerer(ask)) as stream:
        async for piece in stream:
            if first_s is None and isinstance(piece, Text):
                first_s = time.monotonic() - started
            pieces.append(piece)
    answer = answer_of(pieces)
    used: Used = replace(answer.used, seconds=time.monotonic() - started, first_s=first_s)
    return replace(answer, used=used)


def _sources(answer: Answer) -> tuple[Source, ...]:
    cited = {c.source for c in answer.citations}
    found = answer.sources or (answer.ranked.found if answer.ranked else ())
    return tuple(
        Source(f.passage.document, f.passage.heading, f.passage.id, f.passage.page, cited=number in cited)
        for number, f in enumerate(found, start=1)
    )
