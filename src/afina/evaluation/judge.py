"""A judge in a study: each arm's answers against those of doing nothing, and how far the judge can be trusted.

A verdict is a row of the pass "judge", kept by block. It stands beside the scorers and never decides: arms are ranked
by the primary scorer, and what judging takes is no arm's cost.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from afina.border import in_thread
from afina.contracts import Score
from afina.domain.abstention import NOT_FOUND
from afina.domain.answer import Answer
from afina.domain.example import Case, share_of
from afina.domain.pair import Better, Pair, pair_text, verdict_of
from afina.domain.progress import Progress
from afina.domain.report import Agreement, Stopped
from afina.domain.row import Row
from afina.evaluation.asking import asked
from afina.evaluation.conclude import BASE, JUDGED
from afina.evaluation.run import Arm, Gauge, Setting, charged, in_order
from afina.evaluation.scorers import agrees, consistent
from afina.evaluation.statistics.setwise import cohen_kappa

CONSISTENT = "consistent"
"""Scored in rows that the judge was asked for, and in no other."""


Stop = Callable[[Sequence[Row], int], Stopped | None]
"""(verdicts so far, pairs that are left) -> why to go no further; None to go on."""


@dataclass(frozen=True, slots=True)
class Judged:
    """rows: of the pass "judge". stopped: where the judge was not asked to the end."""

    rows: list[Row]
    stopped: Stopped | None = None


async def judged(
    judge: Arm,
    cases: Sequence[Case],
    rows: Sequence[Row],
    setting: Setting,
    *,
    finished: Sequence[Row] = (),
    stop: Stop = lambda rows, left: None,
) -> Judged:
    """A row for every answer of an arm to a case that "base" answered too, by blocks of each arm in turn.

    judge: its answerer reads a pair as the last user message. rows: of the quality pass. finished: verdicts that there
    are already; those that failed and may be mended are asked for again. Answers in the same words are equal without
    asking.
    """
    said = {(r.arm, r.case): r for r in rows if r.turn == "quality" and not r.failed and r.answer.strip()}
    pairs = [(arm, case) for arm, case in said if arm != BASE and (BASE, case) in said]
    done = {row.key: row for row in finished if row.turn == "judge" and not row.retriable}
    ordered, size = in_order(cases), setting.plan.block
    for at, arm in ((at, arm) for at in range(0, len(ordered), size) for arm in dict.fromkeys(arm for arm, _ in pairs)):
        wanted = [c for c in ordered[at : at + size] if (arm, c.id) in pairs and (arm, "judge", c.id) not in done]
        verdicts = [done[key] for name, case in pairs if (key := (name, "judge", case)) in done]
        stopped = stop(verdicts, len(pairs) - len(verdicts)) if wanted else None
        if stopped:
            return Judged(verdicts, stopped)
        if wanted:
            done |= await _block(judge, wanted, said, setting, arm=arm, number=at // size)
            setting.tell(Progress("judging the answers", len(verdicts) + len(wanted), len(pairs), "pairs"))
    return Judged([done[arm, "judge", case] for arm, case in pairs])


async def _block(
    judge: Arm, cases: Sequence[Case], said: Mapping[tuple[str, str], Row], setting: Setting, *, arm: str, number: int
) -> dict[tuple[str, str, str], Row]:
    """Cases of one arm, all in flight together; kept before anything else happens."""
    how = replace(
        setting.how,
        ask_for=lambda case: replace(setting.how.ask_for(case), schema=None),
        scorers={JUDGED: _preferred, CONSISTENT: consistent.score},
    )

    async def one(case: Case) -> Row:
        row, base = said[arm, case.id], said[BASE, case.id]
        if row.answer.strip() == base.answer.strip():
            return _same(row)
        # Prompts hold what arms said of documents; erasing those finds it in the arms' own rows only.
        return replace((await asked(arm, judge.answerer, pair_case(case, row, base), how)).row, prompts=())

    before = await in_thread(Gauge.read, judge, setting)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(case)) for case in cases]
    after = await in_thread(Gauge.read, judge, setting)
    told = [charged(task.result(), before, after, share=len(cases)) for task in tasks]
    rows = [replace(row, turn="judge", block=number, sources=()) for row in told]
    await in_thread(setting.keep, rows, {})
    return {row.key: row for row in rows}


def _preferred(case: Case, answer: Answer, /) -> Score:
    """The label of the case is where the arm's answer stands, so agreeing with it is to prefer that answer."""
    score = agrees.score(case, answer)
    words = {1.0: "preferred to the answer of base", 0.5: "held equal to the answer of base",
             0.0: "the answer of base was preferred"}  # fmt: skip
    orders = consistent.score(case, answer)
    why = score.why if score.value is None else words[score.value]
    return Score(score.value, f"{why} ({orders.why})" if orders.value == 0 else why)


def place_of(arm: str, case: str) -> Better:
    """Where an arm's answer stands in its pair: by hash, so that chance is half whoever is better."""
    return "first" if share_of(f"{arm} {case}", salt="position") < 0.5 else "second"


def pair_case(case: Case, row: Row, base: Row) -> Case:
    """The answers of an arm and of "base" to one case as a case of the task "judge", whose label is the arm's place."""
    place = place_of(row.arm, case.id)
    pair = Pair(case.question, row.answer, base.answer, _reference(case))
    return replace(case, question=pair_text(pair if place == "first" else pair.swapped), answers=(place,))


def _reference(case: Case) -> str:
    if case.answers or case.answerable:
        return case.answers[0] if case.answers else ""
    return NOT_FOUND.get(case.lang[:2], NOT_FOUND["en"])


def _same(row: Row) -> Row:
    why = {JUDGED: "the same words as the answer of base"}
    return Row(arm=row.arm, case=row.case, turn="judge", block=0, answer="equal", scores={JUDGED: 0.5}, whys=why)


def agreement(judge: str, verdicts: Sequence[Row], rows: Sequence[Row], primary: str) -> Agreement:
    """How far verdicts can be trusted. The labelled verdict on a pair is the primary scorer's, where it tells the two
    answers apart.

    verdicts: rows of the pass "judge"; those that the judge was not asked for are left out. rows: all of the study.
    """
    right = {(r.arm, r.case): r.scores.get(primary) for r in rows if r.turn == "quality" and not r.failed}
    put = [row for row in verdicts if row.failed or CONSISTENT in row.scores]
    answered = [row for row in put if row.scores.get(JUDGED) is not None]
    labels = {row.key: label for row in answered if (label := _label(row, right))}
    told = [row for row in answered if row.key in labels]
    scores = [agrees.score(Case("", "", (labels[row.key],)), Answer(text=row.answer)).value for row in told]
    kappa = cohen_kappa([labels[row.key] for row in told], [verdict_of(row.answer) for row in told]) if told else None
    return Agreement(
        judge, len(put), _mean([row.scores.get(CONSISTENT) for row in answered]), _mean(scores),
        None if kappa is None or math.isnan(kappa) else kappa, len(put) - len(answered),
    )  # fmt: skip


def _label(row: Row, right: Mapping[tuple[str, str], float | None]) -> Better | None:
    """Which place holds the better answer by the primary scorer; None where it does not tell."""
    mine, base = right.get((row.arm, row.case)), right.get((BASE, row.case))
    if mine is None or base is None or mine == base:
        return None
    place = place_of(row.arm, row.case)
    return place if mine > base else "second" if place == "first" else "first"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
