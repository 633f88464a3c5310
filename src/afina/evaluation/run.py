"""A study in two passes: latency (one stream, arms in turn) and quality (blocks of all arms interleaved).

A finished block is handed to `keep` before the next begins, so an interrupted study repeats at most one block. After
every round of blocks `decide` may stop arms; it sees only finished rounds, so a study that is gone on with decides as
the first one would have.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from afina.border import in_thread
from afina.contracts import Answerer
from afina.domain.example import Case, share_of
from afina.domain.progress import Progress, Tell, silent
from afina.domain.report import Stopped
from afina.domain.row import Pass, Row
from afina.evaluation.asking import Asked, Questioning, asked
from afina.evaluation.pace import Pace

Texts = Mapping[str, tuple[str, str]]
Keep = Callable[[Sequence[Row], Texts], None]
Decide = Callable[[Sequence[Case], Sequence[Row]], Sequence[Stopped]]
"""(the cases of all finished rounds, their rows and those of the latency pass) -> arms to stop from now on; naming one
again changes nothing."""


def unknown() -> float | None:
    """For what cannot be read: CPU time of an engine elsewhere, energy without counters."""
    return None


@dataclass(frozen=True, slots=True)
class Arm:
    """A way of answering under study. of: the arm it is one seed of, its own name if it is no seed.

    answerer: runs all its stages; shared: may take what another arm's stages found already (quality pass only).
    cpu_seconds: of its engine so far. peak_bytes: since it was last asked.
    """

    name: str
    answerer: Answerer
    shared: Answerer | None = None
    of: str = ""
    cpu_seconds: Callable[[], float | None] = unknown
    peak_bytes: Callable[[], int | None] = lambda: None

    @property
    def family(self) -> str:
        return self.of or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """block: cases of one arm that are in flight together."""

    block: int = 25
    latency_cases: int = 20
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What every arm of a study shares. joules: what the machine's energy counters have counted so far."""

    how: Questioning
    plan: Plan = Plan()
    keep: Keep = lambda rows, texts: None
    decide: Decide = lambda cases, rows: ()
    tell: Tell = silent
    joules: Callable[[], float | None] = unknown


@dataclass(frozen=True, slots=True)
class Measured:
    """rows: of both passes; a stopped arm's end where it was stopped."""

    rows: list[Row]
    stopped: tuple[Stopped, ...] = ()


@dataclass(frozen=True, slots=True)
class Gauge:
    """Counters at one moment. own_s: CPU of this process, 0 where the engine lives in it and counts it already."""

    engine_s: float | None
    own_s: float
    wall_s: float
    joules: float | None

    @classmethod
    def read(cls, arm: Arm, setting: Setting) -> "Gauge":
        before, engine_s, after = time.process_time(), arm.cpu_seconds(), time.process_time()
        inside = engine_s is not None and before <= engine_s <= after
        return cls(engine_s, 0.0 if inside else after, time.monotonic(), setting.joules())


def in_order(cases: Sequence[Case]) -> list[Case]:
    """By hash of group and id: the same mixed order for every arm, on every machine; groups stay together, so that
    they are whole early."""
    return sorted(cases, key=lambda c: (share_of(c.group or c.id, salt="order"), c.group, share_of(c.id), c.id))


async def study(
    arms: Sequence[Arm], cases: Sequence[Case], setting: Setting, *, finished: Sequence[Row] = ()
) -> Measured:
    """A row for every arm and case of both passes; rows in `finished` are taken as they are, unless retriable.

    A case that fails is a row that says so; nothing but cancelling stops a study.
    """
    ordered = in_order(cases)
    alone = ordered[: setting.plan.latency_cases]
    rows = {row.key: row for row in finished if not row.retriable}
    passes: tuple[tuple[Pass, list[Case]], ...] = (("latency", alone), ("quality", ordered))
    pace = Pace(
        {(turn, a.name): sum((a.name, turn, c.id) not in rows for c in some) for turn, some in passes for a in arms}
    )
    await _latency(arms, alone, setting, pace, rows)
    stopped = await _quality(arms, ordered, setting, pace, rows)
    wanted = ((arm.name, turn, case.id) for turn, some in passes for arm in arms for case in some)
    families = {arm.name: arm.family for arm in arms}
    return Measured(until_stopped([rows[key] for key in wanted if key in rows], families, stopped), stopped)


def until_stopped(rows: Iterable[Row], families: Mapping[str, str], stopped: Sequence[Stopped]) -> list[Row]:
    """Without what arms said after they were stopped, in another run of the study. families: name of rows -> arm."""
    blocks = {s.arm: s.blocks for s in stopped if s.blocks}
    return [r for r in rows if r.turn != "quality" or r.block < blocks.get(families.get(r.arm, ""), r.block + 1)]


async def _latency(
    arms: Sequence[Arm], cases: list[Case], setting: Setting, pace: Pace, rows: dict[tuple[str, str, str], Row]
) -> None:
    """One stream at a time. Each arm first answers one case that is not measured, so that none pays for the start."""
    warm: set[str] = set()
    for number, case in enumerate(cases):
        for arm in _turns(arms, setting.plan.seed, f"latency {number}"):
            if (arm.name, "latency", case.id) in rows:
                continue
            if arm.name not in warm:
                warm.add(arm.name)
                await asked(arm.name, arm.answerer, cases[-1], setting.how)
            rows.update(await _block(arm, [case], setting, pace, turn="latency", number=number))


async def _quality(
    arms: Sequence[Arm], cases: list[Case], setting: Setting, pace: Pace, rows: dict[tuple[str, str, str], Row]
) -> tuple[Stopped, ...]:
    stopped: dict[str, Stopped] = {}
    families = {arm.name: arm.family for arm in arms}
    size = setting.plan.block
    for number, first in enumerate(range(0, len(cases), size)):
        running = [arm for arm in arms if arm.family not in stopped]
        for arm in _turns(running, setting.plan.seed, f"quality {number}"):
            todo = [c for c in cases[first : first + size] if (arm.name, "quality", c.id) not in rows]
            if todo:
                rows.update(await _block(arm, todo, setting, pace, turn="quality", number=number))
        if first + size < len(cases):
            found = await _decided(
                cases[: first + size], setting, until_stopped(rows.values(), families, [*stopped.values()])
            )
            stopped = {**{s.arm: replace(s, blocks=number + 1) for s in found}, **stopped}
        for arm in running:
            if arm.family in stopped:
                pace.drop(("quality", arm.name))
    return tuple(stopped.values())


async def _decided(done: list[Case], setting: Setting, rows: Sequence[Row]) -> Sequence[Stopped]:
    ids = {case.id for case in done}
    known = [row for row in rows if row.turn == "latency" or row.case in ids]
    return await in_thread(setting.decide, done, known)


def _turns(arms: Sequence[Arm], seed: int, key: str) -> list[Arm]:
    """The arms in an order of their own for each round, so that none is always first."""
    return random.Random(f"{seed} {key}").sample(list(arms), len(arms))


async def _block(
    arm: Arm, cases: list[Case], setting: Setting, pace: Pace, *, turn: Pass, number: int
) -> dict[tuple[str, str, str], Row]:
    """Cases of one arm, all in flight together; kept before anything else happens."""
    leg = (turn, arm.name)
    answerer = arm.shared or arm.answerer if turn == "quality" else arm.answerer

    async def one(case: Case) -> Asked:
        told = await asked(arm.name, answerer, case, setting.how)
        pace.tick(leg)
        setting.tell(Progress("measuring the arms", pace.done, pace.total, "answers", left_s=pace.left_s()))
        return told

    arm.peak_bytes()
    before = await in_thread(Gauge.read, arm, setting)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(case)) for case in cases]
    after = await in_thread(Gauge.read, arm, setting)
    pace.spent(leg, cases=len(cases), seconds=after.wall_s - before.wall_s)
    told = [task.result() for task in tasks]
    peak = arm.peak_bytes()
    rows = [
        replace(charged(t.row, before, after, share=len(cases)), turn=turn, block=number, peak_bytes=peak) for t in told
    ]
    texts = {name: text for t in told for name, text in t.texts.items()} if turn == "quality" else {}
    rows = rows if turn == "quality" else [replace(row, prompts=()) for row in rows]
    await in_thread(setting.keep, rows, texts)
    return {row.key: row for row in rows}


def charged(row: Row, before: Gauge, after: Gauge, *, share: int) -> Row:
    """A row with its share of what its block took."""

    def part(start: float | None, end: float | None) -> float | None:
        return None if start is None or end is None else (end - start) / share

    return replace(
        row,
        used=replace(row.used, cpu_s=part(before.engine_s, after.engine_s)),
        own_cpu_s=part(before.own_s, after.own_s),
        wall_s=part(before.wall_s, after.wall_s),
        energy_j=part(before.joules, after.joules),
    )
