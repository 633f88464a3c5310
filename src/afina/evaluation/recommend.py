"""The recommendation is a rule, and findings are sentences that the data allow."""

import math
from collections.abc import Sequence

from afina.domain.report import ArmResult, Comparison, Recommendation


def best_of(arms: Sequence[ArmResult]) -> ArmResult:
    """The highest quality; of equals the cheapest, then the first."""
    return min(arms, key=lambda a: (-(a.quality.value if a.quality.value is not None else -1.0), price_of(a)))


def price_of(arm: ArmResult) -> float:
    return math.inf if arm.cost.per_answer is None else arm.cost.per_answer


def recommended(arms: Sequence[ArmResult], against_best: Sequence[Comparison], *, delta: float) -> Recommendation:
    """The cheapest arm whose lower bound against the best arm is above -delta; else the best, if every cheaper arm
    is shown to be worse; else how many cases more.

    against_best: each other arm less the best one.
    """
    best = best_of(arms)
    differences = {c.arm: c for c in against_best}
    priced = sorted(arms, key=price_of)
    good = [a for a in priced if a.name == best.name or _no_worse(differences.get(a.name), delta)]
    chosen = good[0]
    if chosen.name != best.name:
        return _cheapest(chosen, best, differences[chosen.name], delta)
    open_questions = [
        c for a in arms if price_of(a) < price_of(best) and (c := differences.get(a.name)) and not c.told_apart
    ]
    if open_questions:
        return _undecided(best, open_questions, delta)
    return Recommendation(
        verdict="best", arm=best.name, sentence=_best_sentence(best, arms), delta=delta, best=best.name
    )


def _no_worse(comparison: Comparison | None, delta: float) -> bool:
    return comparison is not None and comparison.low > -delta


def _cheapest(chosen: ArmResult, best: ArmResult, difference: Comparison, delta: float) -> Recommendation:
    sentence = (
        f"Use {chosen.name}: it is the cheapest arm that is not worse than the best one ({best.name}) by more than "
        f"{points(delta)} ({spread(difference)})."
    )
    return Recommendation(verdict="cheapest", arm=chosen.name, sentence=sentence, delta=delta, best=best.name)


def _best_sentence(best: ArmResult, arms: Sequence[ArmResult]) -> str:
    cheaper = [a.name for a in arms if price_of(a) < price_of(best)]
    if cheaper:
        return f"Use {best.name}: it is the best arm, and every cheaper one ({', '.join(cheaper)}) is worse."
    return f"Use {best.name}: no arm reached more, and none is cheaper."


def _undecided(best: ArmResult, questions: Sequence[Comparison], delta: float) -> Recommendation:
    needed = max(c.cases_needed for c in questions)
    names = ", ".join(c.arm for c in questions)
    sentence = (
        f"Not enough data to tell: {best.name} reached most, but {names} cost{'s' if len(questions) == 1 else ''} less "
        f"and may be as good; about {needed:,} cases would tell (this study has {questions[0].cases:,})."
    )
    return Recommendation(
        verdict="undecided", arm=None, sentence=sentence, delta=delta, best=best.name, cases_needed=needed
    )


def findings(against_base: Sequence[Comparison]) -> tuple[str, ...]:
    """One sentence an arm: better, worse, or not told apart. Worse is said as plainly as better."""
    return tuple(finding(c) for c in against_base)


def finding(comparison: Comparison) -> str:
    """'knowledge made this model worse: -2.1 points, 95 % interval -3.8 to -0.4'."""
    if comparison.told_apart:
        made = "better" if comparison.difference > 0 else "worse"
        return f"{comparison.arm} made this model {made}: {spread(comparison)}"
    return (
        f"{comparison.arm}: not enough data to tell it from {comparison.against}: {spread(comparison)}; "
        f"about {comparison.cases_needed:,} cases would do"
    )


def points(share: float) -> str:
    """0.021 -> '2.1 points'; -0.021 -> '-2.1 points'."""
    return f"{share * 100:.1f} points"


def spread(comparison: Comparison) -> str:
    return (
        f"{comparison.difference * 100:+.1f} points, 95 % interval "
        f"{comparison.low * 100:+.1f} to {comparison.high * 100:+.1f}"
    )
