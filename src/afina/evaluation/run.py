"""The two passes of a study: what one user feels, and how good many answers are.

Latency: a few cases, one stream, arms in turn case by case. Quality: blocks of cases, a block of every arm before the
next block of any, each block fully batched; the engine's CPU-seconds of a block are shared among its cases. Arms take
turns in being first. What is finished is handed to `keep` at once, a block at a time.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from afina.border import aclosing, in_thread
from afina.contracts import Answerer, Score, Scorer
from afina.domain.answer import Answer, Piece, Text, Used, answer_of
from afina.domain.ask import Ask
from afina.domain.example import Case, share_of
from afina.domain.progress import Progress, Tell, silent
from afina.domain.report import Pass, Row, Source
from afina.errors import AfinaError, OutsideError
from afina.evaluation.pace import Pace

Keep = Callable[[Sequence[Row]], None]


def unknown() -> float | None:
    """For engines whose CPU time cannot be read."""
    return None


@dataclass(frozen=True, slots=True)
class Arm:
    """A way of answering under study. cpu_seconds: of its engine so far. peak_bytes: since it was last asked."""

    name: str
    answerer: Answerer
    cpu_seconds: Callable[[], float | None] = unknown
    peak_bytes: Callable[[], int | None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """block: cases of one arm that are in flight together. timeout_s: longest wait for one case."""

    block: int = 25
    latency_cases: int = 20
    seed: int = 0
    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What every arm of a study shares: how a case becomes a request, and what judges the answer."""

    ask_for: Callable[[Case], Ask]
    scorers: Mapping[str, Scorer]
    plan: Plan = Plan()
    keep: Keep = lambda rows: None
    tell: Tell = silent


def in_order(cases: Sequence[Case]) -> list[Case]:
    """By hash of their ids: the same mixed order for every arm, on every machine."""
    return sorted(cases, key=lambda c: (share_of(c.id, salt="order"), c.id))


async def study(
    arms: Sequence[Arm], cases: Sequence[Case], setting: Setting, *, finished: Sequence[Row] = ()
) -> list[Row]:
    """A row for every arm and case of both passes; rows in `finished` are taken as they are, unless retriable.

    A case that fails is a row that says so; nothing but cancelling stops a study.
    """
    ordered = in_order(cases)
    rows = {row.key: row for row in finished if not row.retriable}
    alone = ordered[: setting.plan.latency_cases]
    todo = {
        (turn, arm.name): sum((arm.name, turn, c.id) not in rows for c in some)
        for turn, some in _passes(alone, ordered)
        for arm in arms
    }
    pace = Pace(todo)
    for row in await _latency(arms, alone, setting, pace, rows):
        rows[row.key] = row
    for row in await _quality(arms, ordered, setting, pace, rows):
        rows[row.key] = row
    return [rows[arm.name, turn, c.id] for turn, some in _passes(alone, ordered) for arm in arms for c in some]


def _passes(alone: list[Case], ordered: list[Case]) -> tuple[tuple[Pass, list[Case]], ...]:
    return (("latency", alone), ("quality", ordered))


async def _latency(
    arms: Sequence[Arm], cases: list[Case], setting: Setting, pace: Pace, rows: Mapping[tuple[str, str, str], Row]
) -> list[Row]:
    """One stream at a time. Each arm first answers one case that is not measured, so that none pays for the start."""
    new: list[Row] = []
    warm: set[str] = set()
    for number, case in enumerate(cases):
        for arm in _turns(arms, setting.plan.seed, f"latency {number}"):
            if (arm.name, "latency", case.id) in rows:
                continue
            if arm.name not in warm:
                warm.add(arm.name)
                await _asked(arm, cases[-1], setting)
            new += await _block(arm, [case], setting, pace, turn="latency", number=number)
    return new


async def _quality(
    arms: Sequence[Arm], cases: list[Case], setting: Setting, pace: Pace, rows: Mapping[tuple[str, str, str], Row]
) -> list[Row]:
    new: list[Row] = []
    size = setting.plan.block
    for number, first in enumerate(range(0, len(cases), size)):
        for arm in _turns(arms, setting.plan.seed, f"quality {number}"):
            todo = [c for c in cases[first : first + size] if (arm.name, "quality", c.id) not in rows]
            if todo:
                new += await _block(arm, todo, setting, pace, turn="quality", number=number)
    return new


def _turns(arms: Sequence[Arm], seed: int, key: str) -> list[Arm]:
    """The arms in an order of their own for each round, so that none is always first."""
    return random.Random(f"{seed} {key}").sample(list(arms), len(arms))


async def _block(arm: Arm, cases: list[Case], setting: Setting, pace: Pace, *, turn: Pass, number: int) -> list[Row]:
    """Cases of one arm, all in flight together; kept before anything else happens."""
    leg = (turn, arm.name)

    async def one(case: Case) -> Row:
        row = await _asked(arm, case, setting)
        pace.tick(leg)
        _tell(setting.tell, pace)
        return replace(row, turn=turn, block=number)

    arm.peak_bytes()
    cpu_before, started = await in_thread(arm.cpu_seconds), time.monotonic()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(case)) for case in cases]
    pace.spent(leg, cases=len(cases), seconds=time.monotonic() - started)
    cpu_after = await in_thread(arm.cpu_seconds)
    cpu_s = (cpu_after - cpu_before) / len(cases) if cpu_after is not None and cpu_before is not None else None
    peak = arm.peak_bytes()
    rows = [replace(r, used=replace(r.used, cpu_s=cpu_s), peak_bytes=peak) for r in (t.result() for t in tasks)]
    await in_thread(setting.keep, rows)
    return rows


def _tell(tell: Tell, pace: Pace) -> None:
    tell(Progress("measuring the arms", pace.done, pace.total, "answers", left_s=pace.left_s()))


async def _asked(arm: Arm, case: Case, setting: Setting) -> Row:
    """The answer of one arm to one case, scored; whatever goes wrong is written down in it."""
    try:
        async with asyncio.timeout(setting.plan.timeout_s):
            answer = await _timed(arm.answerer, setting.ask_for(case))
    except TimeoutError:
        return _failure(arm, case, f"no answer within {setting.plan.timeout_s:g} s", retriable=True)
    except AfinaError as error:
        return _failure(arm, case, f"{error.code}: {error}", retriable=isinstance(error, OutsideError))
    except Exception as error:  # noqa: BLE001  (one evaluated case may fail in any way; the study goes on)
        return _failure(arm, case, f"{type(error).__name__}: {error}", retriable=False)
    if answer.failed:
        return _failure(arm, case, f"{answer.failed.code}: {answer.failed.message}", retriable=True)
    return Row(
        arm=arm.name, case=case.id, turn="quality", block=0, answer=answer.text, used=answer.used,
        scores={name: scored(scorer, case, answer).value for name, scorer in setting.scorers.items()},
        sources=_sources(answer),
    )  # fmt: skip


def _failure(arm: Arm, case: Case, reason: str, *, retriable: bool) -> Row:
    return Row(arm=arm.name, case=case.id, turn="quality", block=0, failed=reason, retriable=retriable)


def scored(scorer: Scorer, case: Case, answer: Answer) -> Score:
    """A score; a scorer that breaks its contract by raising, or by something that is no number, gives no verdict."""
    try:
        score = scorer(case, answer)
        if score.value is not None and score.value != score.value:
            return Score(None, "the scorer gave NaN")
    except Exception as error:  # noqa: BLE001  (as above)
        return Score(None, f"the scorer failed: {type(error).__name__}: {error}")
    return score


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
    return tuple(
        Source(f.passage.document, f.passage.heading, f.passage.id, f.passage.page, cited=number in cited)
        for number, f in enumerate(answer.sources, start=1)
    )
