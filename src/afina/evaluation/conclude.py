"""From finished rows to a Report: figures, comparisons, recommendation, findings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from afina.domain.example import Case
from afina.domain.report import (
    Agreement,
    ArmResult,
    CaseResult,
    Comparison,
    Cost,
    Effect,
    Estimate,
    LeftOut,
    Overlap,
    Preparation,
    Report,
    Spread,
    Stopped,
)
from afina.domain.row import Row
from afina.evaluation.cost import Rates, costs
from afina.evaluation.recommend import best_of, recommended
from afina.evaluation.run import Texts, in_order, until_stopped
from afina.evaluation.savings import savings
from afina.evaluation.show.sentences import findings
from afina.evaluation.statistics.differences import Floats, compared, estimate, noise, verdicts
from afina.evaluation.statistics.factorial import effects
from afina.evaluation.statistics.pareto import front
from afina.evaluation.statistics.power import smallest_effect
from afina.evaluation.statistics.resampling import group_numbers
from afina.evaluation.statistics.seeds import spread
from afina.evaluation.task import Task

BASE = "base"
"""The arm that does nothing; every study has it."""

JUDGED = "judged"
"""What a judge said of an arm's answer against that of doing nothing: 1 better, 0.5 equal, 0 worse."""

MECHANISMS = ("prompt", "examples", "nearest", "knowledge", "tuned")
"""What may be on or off in an arm; names of arms are these, joined by +."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An arm as it is announced: what it is, its recipe as data, what getting there cost.

    members: names of its rows, one for each seed; its own name alone if it has none.
    """

    name: str
    what: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    preparation: Preparation = field(default_factory=Preparation)
    members: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[str, ...]:
        return self.members or (self.name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What a report says about itself."""

    id: str
    name: str
    created: float
    engine: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a study left behind, besides its rows."""

    task: Task
    delta: float
    rates: Rates
    stopped: tuple[Stopped, ...] = ()
    skipped: tuple[LeftOut, ...] = ()
    overlap: Overlap = field(default_factory=Overlap)
    judges: tuple[Agreement, ...] = ()
    texts: Texts = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Verdicts of the primary scorer in the order in which cases were asked, by arm, and what they come from."""

    cases: list[Case]
    rows: Mapping[str, list[Row]]
    right: Mapping[str, Floats]
    spreads: Mapping[str, Spread]
    early: frozenset[str]

    @property
    def groups(self) -> list[str]:
        return [case.group for case in self.cases]


def concluded(
    entries: Sequence[Entry], cases: Sequence[Case], rows: Sequence[Row], facts: Facts, heading: Heading
) -> Report:
    """The report of a finished study. Quality is the mean of the task's primary scorer, over all cases."""
    rows = until_stopped(rows, {row: e.name for e in entries for row in e.rows}, facts.stopped)
    seen = evidence(entries, cases, rows, facts)
    prices = costs({e.name: seen.rows[e.name] for e in entries}, {e.name: e.preparation for e in entries}, facts.rates)
    arms = tuple(_arm(e, seen, facts, cost=prices[e.name]) for e in entries)
    whole = [a for a in arms if a.name not in {s.arm for s in facts.stopped}]
    best = best_of(whole)
    against_base = _against(BASE, seen, facts) if BASE in seen.right else ()
    against_best = _against(best.name, seen, facts, chosen=True)
    rates = facts.rates
    shown = {
        "watts_per_core": rates.watts_per_core, "grid_g_per_kwh": rates.grid_g_per_kwh,
        "amortised_over": rates.amortised_over, "cpu_hour_price": rates.cpu_hour_price,
    }  # fmt: skip
    return Report(
        id=heading.id, name=heading.name, created=heading.created, engine=heading.engine,
        settings={**heading.settings, **shown}, task=facts.task.name, primary=facts.task.primary,
        figures=(*facts.task.shown, *((JUDGED,) if facts.judges else ())), cases=len(cases),
        groups=len({c.group or c.id for c in cases}), unanswerable=sum(not c.answerable for c in cases), arms=arms,
        against_base=against_base,
        against_best=against_best, recommendation=recommended(whole, against_best, delta=facts.delta),
        findings=findings(against_base), skipped=facts.skipped, stopped=facts.stopped,
        effects=_effects(seen, facts), front=_front(whole),
        savings=savings(whole, lambda a, b: _is_not_worse(a, b, seen, facts), rates),
        judges=facts.judges, told_from=_told_from(against_base, len(cases)), overlap=facts.overlap,
        results=tuple(_case_result(case, entries, rows, facts.task) for case in cases), texts=facts.texts,
    )  # fmt: skip


def evidence(entries: Sequence[Entry], cases: Sequence[Case], rows: Sequence[Row], facts: Facts) -> Evidence:
    """What the arms reached, case by case."""
    asked = in_order(cases)
    by_arm = {e.name: [r for r in rows if r.arm in e.rows] for e in entries}
    primary = facts.task.primary
    wrong = facts.task.failed_is_wrong
    right = {name: verdicts(mine, asked, primary, primary=wrong) for name, mine in by_arm.items()}
    spreads = {e.name: s for e in entries if (s := _spread(e, by_arm[e.name], asked, primary, wrong=wrong))}
    early = frozenset(s.arm for s in facts.stopped if s.why == "dominated")
    return Evidence(asked, by_arm, right, spreads, early)


def _spread(entry: Entry, rows: list[Row], asked: list[Case], scorer: str, *, wrong: bool) -> Spread | None:
    """What seeds make of a figure; None for an arm without several."""
    each = [[r for r in rows if r.arm == member] for member in entry.rows]
    return spread([verdicts(mine, asked, scorer, primary=wrong) for mine in each]) if len(each) > 1 else None


def _arm(entry: Entry, seen: Evidence, facts: Facts, *, cost: Cost) -> ArmResult:
    rows, name = seen.rows[entry.name], entry.name
    failures = Counter(r.failed for r in rows if r.failed and r.turn == "quality")
    metrics = {scorer: _metric(scorer, entry, seen, facts) for scorer in (facts.task.primary, *facts.task.scorers)}
    metrics |= {figure: _whole(figure, entry, seen, facts) for figure in facts.task.setwise}
    metrics |= {JUDGED: _judged(entry, seen, facts)} if facts.judges else {}
    return ArmResult(
        name=name, what=entry.what, recipe=entry.recipe, preparation=entry.preparation, cost=cost,
        quality=metrics[facts.task.primary], metrics=metrics, failures=dict(failures.most_common()),
        members=entry.rows, spread=seen.spreads.get(name), alone=_alone(name, seen),
    )  # fmt: skip


def _metric(scorer: str, entry: Entry, seen: Evidence, facts: Facts) -> Estimate:
    wrong, rows = scorer == facts.task.primary and facts.task.failed_is_wrong, seen.rows[entry.name]
    values = verdicts(rows, seen.cases, scorer, primary=wrong)
    seeds = _spread(entry, rows, seen.cases, scorer, wrong=wrong)
    return estimate(values, seen.groups, spread=seeds, early=entry.name in seen.early, seed=facts.seed)


def _judged(entry: Entry, seen: Evidence, facts: Facts) -> Estimate:
    """How often a judge preferred its answers to those of doing nothing; an answer held equal counts half."""
    values = verdicts(seen.rows[entry.name], seen.cases, JUDGED, turn="judge")
    return estimate(values, seen.groups, early=entry.name in seen.early, seed=facts.seed)


def _whole(figure: str, entry: Entry, seen: Evidence, facts: Facts) -> Estimate:
    """A figure of the whole set, of the first seed: it is no mean, so it has none over seeds."""
    mine = {r.case: r for r in seen.rows[entry.name] if r.arm == entry.rows[0] and r.turn == "quality"}
    rows = [mine.get(case.id) for case in seen.cases]
    asked = [(case, row) for case, row in zip(seen.cases, rows, strict=True) if row is not None]
    if not asked:
        return Estimate(None)
    found = facts.task.setwise[figure](
        [c for c, _ in asked], [r for _, r in asked], group_numbers([c.group for c, _ in asked])
    )
    return Estimate(None) if found is None else Estimate(*found, len(asked))


def _alone(arm: str, seen: Evidence) -> tuple[str, ...]:
    """Cases on which this arm is right and every other that was asked is not."""
    others = [values for name, values in seen.right.items() if name != arm]
    mine = seen.right[arm] >= 0.5
    for values in others:
        mine = mine & ~(values >= 0.5)
    return tuple(case.id for case, yes in zip(seen.cases, mine, strict=True) if yes) if others else ()


def _against(name: str, seen: Evidence, facts: Facts, *, chosen: bool = False) -> tuple[Comparison, ...]:
    found = compared(
        name, seen.right, seen.groups, delta=facts.delta, spreads=seen.spreads, early=seen.early, chosen=chosen,
        seed=facts.seed,
    )  # fmt: skip
    return tuple(found)


def _is_not_worse(arm: str, other: str, seen: Evidence, facts: Facts) -> bool:
    """By the interval of their own difference, paired over the same cases."""
    pair = {name: seen.right[name] for name in (other, arm)}
    found = compared(other, pair, seen.groups, delta=facts.delta, spreads=seen.spreads, seed=facts.seed)
    return bool(found) and found[0].low > -facts.delta


def _effects(seen: Evidence, facts: Facts) -> tuple[Effect, ...]:
    """Over the arms that are a plain set of mechanisms and were measured to the end."""
    out = {s.arm for s in facts.stopped}
    sets = {
        frozenset(() if name == BASE else name.split("+")): values
        for name, values in seen.right.items()
        if name not in out and (name == BASE or set(name.split("+")) <= set(MECHANISMS))
    }
    if not any(len(on) > 1 for on in sets):
        return ()
    return effects(sets, seen.groups, seed=facts.seed)


def _front(arms: Sequence[ArmResult]) -> tuple[str, ...]:
    points = {a.name: (a.quality.value, a.cost.seconds, a.cost.per_answer, _energy(a.cost)) for a in arms}
    return front(points, higher=(True, False, False, False))


def _energy(cost: Cost) -> float | None:
    return None if cost.energy_wh is None else cost.energy_wh + (cost.prepared_wh or 0.0)


def _told_from(against_base: Sequence[Comparison], cases: int) -> float | None:
    """For two arms that disagree as often as the arms of this study do with doing nothing, in groups like these."""
    if not against_base:
        return None
    disagree, inflation = np.median([noise(c) for c in against_base], axis=0)
    return smallest_effect(cases, float(disagree), arms=len(against_base), inflation=float(inflation))


def _case_result(case: Case, entries: Sequence[Entry], rows: Sequence[Row], task: Task) -> CaseResult:
    judged = {r.arm: r for r in rows if r.case == case.id and r.turn == "judge"}
    mine = {r.arm: _with_verdict(r, judged.get(r.arm)) for r in rows if r.case == case.id and r.turn == "quality"}
    lost = 0.0 if task.failed_is_wrong else None
    right = {}
    for entry in entries:
        values = [lost if r.failed else r.scores.get(task.primary) for m in entry.rows if (r := mine.get(m))]
        known = [v for v in values if v is not None]
        if values:
            right[entry.name] = sum(known) / len(known) if known else None
    return CaseResult(case.id, case.question, expected_of(case), case.lang, mine, right, case.group)


def _with_verdict(row: Row, judged: Row | None) -> Row:
    """A row with what a judge said of its answer among its scores."""
    if judged is None:
        return row
    whys = {JUDGED: judged.failed} if judged.failed else judged.whys
    return replace(row, scores={**row.scores, JUDGED: judged.scores.get(JUDGED)}, whys={**row.whys, **whys})


def expected_of(case: Case) -> tuple[str, ...]:
    """What was known beforehand, as text."""
    facts = (*(f"{k}: {v}" for part in (case.fields, case.checks) for k, v in part.items()), *case.relevant)
    return case.answers or tuple(str(fact) for fact in facts)
