"""What a finished report proves of two of its arms, so that one may take the other's place."""

import numpy as np

from afina.domain.example import Case
from afina.domain.report import Comparison, Report
from afina.evaluation.run import in_order
from afina.evaluation.statistics.differences import Floats, compared


def between(report: Report, arm: str, other: str) -> Comparison | None:
    """`arm`, as it would be served, less `other`; None where they have verdicts on no case together.

    An arm with several seeds is served by its first: its verdicts alone count, not the mean that the tables show. Where
    they show the very comparison, that is taken.
    """
    if len(report.arm(arm).members) < 2:
        shown = (*report.against_base, *report.against_best)
        found = next((c for c in shown if (c.arm, c.against) == (arm, other)), None)
        if found is not None:
            return found
    asked = in_order([Case(r.case, "", (), group=r.group) for r in report.results])
    right = {other: _right(report, other, asked), arm: _served(report, arm, asked)}
    spreads = {a.name: a.spread for a in report.arms if a.spread and a.name == other}
    early = [s.arm for s in report.stopped if s.why == "dominated"]
    groups, delta = [case.group for case in asked], report.recommendation.delta
    return next(iter(compared(other, right, groups, delta=delta, spreads=spreads, early=early)), None)


def _right(report: Report, arm: str, asked: list[Case]) -> Floats:
    """Verdicts in the order in which cases were asked; NaN where there is none."""
    said = {r.case: r.right.get(arm) for r in report.results}
    return np.array([np.nan if said[case.id] is None else said[case.id] for case in asked], dtype=np.float64)


def _served(report: Report, arm: str, asked: list[Case]) -> Floats:
    members = report.arm(arm).members
    if len(members) < 2:
        return _right(report, arm, asked)
    rows = {r.case: r.rows.get(members[0]) for r in report.results}
    said = {
        case: None if row is None else 0.0 if row.failed else row.scores.get(report.primary)
        for case, row in rows.items()
    }
    return np.array([np.nan if said[case.id] is None else said[case.id] for case in asked], dtype=np.float64)
