"""The recommendation is a rule: the cheapest arm that is shown to be as good as the best, else the best, else how many
cases would tell. Its words are in show/sentences.py."""

import math
from collections.abc import Sequence
from dataclasses import replace

from afina.domain.report import ArmResult, Comparison, Recommendation
from afina.evaluation.show.sentences import advice


def best_of(arms: Sequence[ArmResult]) -> ArmResult:
    """The highest quality, among arms with a verdict on at least half as many cases as any has; of equals the cheapest,
    then the first."""
    most = max(a.quality.cases for a in arms)
    heard = [a for a in arms if 2 * a.quality.cases >= most]
    return min(heard, key=lambda a: (-(a.quality.value if a.quality.value is not None else -1.0), price_of(a)))


def price_of(arm: ArmResult) -> float:
    return math.inf if arm.cost.per_answer is None else arm.cost.per_answer


def recommended(arms: Sequence[ArmResult], against_best: Sequence[Comparison], *, delta: float) -> Recommendation:
    """The cheapest arm whose lower bound against the best arm is above -delta; else the best, if every cheaper arm
    is shown to be worse; else how many cases more. Nothing where no answer could be scored.

    arms: those that were measured to the end. against_best: other arms less the best one.
    """
    found = _chosen(arms, against_best, delta)
    return replace(found, sentence=advice(found, arms, against_best))


def _chosen(arms: Sequence[ArmResult], against_best: Sequence[Comparison], delta: float) -> Recommendation:
    best = best_of(arms)
    differences = {c.arm: c for c in against_best}
    priced = sorted(arms, key=price_of)
    good = [a for a in priced if a.name == best.name or _no_worse(differences.get(a.name), delta)]
    plain = Recommendation(verdict="best", arm=best.name, sentence="", delta=delta, best=best.name)
    if best.quality.value is None:  # no arm has a verdict, so none is better than another
        return replace(plain, verdict="undecided", arm=None)
    if good[0].name != best.name:
        return replace(plain, verdict="cheapest", arm=good[0].name)
    questions = [
        c for a in arms if price_of(a) < price_of(best) and (c := differences.get(a.name)) and not c.told_apart
    ]
    if questions:
        return replace(plain, verdict="undecided", arm=None, cases_needed=max(c.cases_needed for c in questions))
    return plain


def _no_worse(comparison: Comparison | None, delta: float) -> bool:
    return comparison is not None and comparison.low > -delta
