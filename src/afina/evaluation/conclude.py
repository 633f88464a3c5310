"""From finished rows to a Report: figures, comparisons, recommendation, findings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from afina.domain.example import Case
from afina.domain.report import ArmResult, CaseResult, Cost, Preparation, Report, Row
from afina.evaluation.cost import Rates, costs
from afina.evaluation.differences import PRIMARY, compared, estimate, verdicts
from afina.evaluation.recommend import best_of, findings, recommended

BASE = "base"
"""The arm that does nothing; every study has it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An arm as it is announced: what it is, its recipe as data, what getting there cost."""

    name: str
    what: str
    recipe: Mapping[str, Any] = field(default_factory=dict)
    preparation: Preparation = field(default_factory=Preparation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What a report says about itself."""

    id: str
    name: str
    created: float
    engine: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def concluded(
    entries: Sequence[Entry],
    cases: Sequence[Case],
    rows: Sequence[Row],
    *,
    heading: Heading,
    delta: float,
    rates: Rates,
    seed: int = 0,
) -> Report:
    """The report of a finished study. Quality is the share of cases that are right, over all cases."""
    groups = [case.group for case in cases]
    by_arm = {e.name: [r for r in rows if r.arm == e.name] for e in entries}
    prices = costs(by_arm, {e.name: e.preparation for e in entries}, rates)
    arms = tuple(_arm(e, by_arm[e.name], cases, groups, cost=prices[e.name], seed=seed) for e in entries)
    right = {e.name: verdicts(by_arm[e.name], cases, PRIMARY) for e in entries}
    against_base = tuple(compared(BASE, right, groups, delta=delta, seed=seed)) if BASE in right else ()
    against_best = tuple(compared(best_of(arms).name, right, groups, delta=delta, seed=seed))
    return Report(
        id=heading.id, name=heading.name, created=heading.created, engine=heading.engine,
        settings={**heading.settings, "watts_per_core": rates.watts_per_core, "amortised_over": rates.amortised_over},
        cases=len(cases), groups=len({c.group or c.id for c in cases}),
        unanswerable=sum(not c.answerable for c in cases),
        arms=arms, against_base=against_base, against_best=against_best,
        recommendation=recommended(arms, against_best, delta=delta), findings=findings(against_base),
        results=tuple(_case_result(case, rows) for case in cases),
    )  # fmt: skip


def _arm(
    entry: Entry, rows: Sequence[Row], cases: Sequence[Case], groups: Sequence[str], *, cost: Cost, seed: int
) -> ArmResult:
    scorers = dict.fromkeys(name for row in rows for name in row.scores)
    metrics = {name: estimate(verdicts(rows, cases, name), groups, seed=seed) for name in (PRIMARY, *scorers)}
    failures = Counter(r.failed for r in rows if r.failed and r.turn == "quality")
    return ArmResult(
        name=entry.name, what=entry.what, recipe=entry.recipe, preparation=entry.preparation, cost=cost,
        quality=metrics[PRIMARY], metrics=metrics, failures=dict(failures.most_common()),
    )  # fmt: skip


def _case_result(case: Case, rows: Sequence[Row]) -> CaseResult:
    mine = {r.arm: r for r in rows if r.case == case.id and r.turn == "quality"}
    right = {arm: 0.0 if r.failed else r.scores.get(PRIMARY) for arm, r in mine.items()}
    return CaseResult(case.id, case.question, case.answers, case.lang, mine, right)
