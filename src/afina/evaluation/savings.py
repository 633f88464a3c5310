"""What one call saves when a prepared arm takes another's place, and after how many calls preparing has paid."""

from collections.abc import Callable, Sequence

from afina.domain.report import ArmResult, Preparation, Saving
from afina.evaluation.cost import Rates
from afina.evaluation.statistics.breakeven import breakeven

SHOWING = ("prompt", "examples", "nearest")
"""Mechanisms that make a prompt longer without adding knowledge: what tuning can replace."""


def savings(arms: Sequence[ArmResult], not_worse: Callable[[str, str], bool], rates: Rates) -> tuple[Saving, ...]:
    """For every arm that was tuned (or fitted): against the best arm that was not, and against each arm with a longer
    prompt that it can stand in for at equal quality (the prompt diet).

    not_worse: whether the first arm is shown to be worse than the second by no more than delta. rates: what turns the
    CPU time of preparing into money.
    """
    prepared = [a for a in arms if _is_prepared(a)]
    plain = [a for a in arms if not _is_prepared(a) and a.quality.value is not None]
    if not prepared or not plain:
        return ()
    best = max(plain, key=lambda a: a.quality.value or 0.0)
    found = []
    for arm in prepared:
        found.append(saving(arm, best, rates))
        found += [
            saving(arm, other, rates, diet=True)
            for other in plain
            if _is_longer(other, arm) and not_worse(arm.name, other.name)
        ]
    return tuple(found)


def _is_longer(other: ArmResult, arm: ArmResult) -> bool:
    shows = bool(set(other.name.split("+")) & set(SHOWING))
    return shows and other.cost.prompt_tokens > arm.cost.prompt_tokens


def saving(arm: ArmResult, other: ArmResult, rates: Rates, *, diet: bool = False) -> Saving:
    """Of one call when `arm` answers in place of `other`."""
    unit = arm.cost.unit
    mine, theirs = running(arm), running(other)
    saved = None if mine is None or theirs is None else theirs - mine
    seconds = None
    if arm.cost.seconds is not None and other.cost.seconds is not None:
        seconds = other.cost.seconds - arm.cost.seconds
    return Saving(
        arm.name, other.name, tokens=_tokens(other) - _tokens(arm), seconds=seconds, cost=saved, unit=unit,
        calls=breakeven(_extra(arm, other, unit, rates), saved), diet=diet,
    )  # fmt: skip


def _tokens(arm: ArmResult) -> float:
    return arm.cost.prompt_tokens + arm.cost.completion_tokens


def running(arm: ArmResult) -> float | None:
    """Of one answer in the unit that arms are ordered by, preparation left out."""
    return {"money": arm.cost.money, "CPU-seconds": arm.cost.cpu_s, "seconds": arm.cost.seconds}.get(arm.cost.unit)


def _extra(arm: ArmResult, other: ArmResult, unit: str, rates: Rates) -> float | None:
    """What preparing `arm` took more; None where that is unknown in this unit."""
    mine, theirs = (_before(one.preparation, unit, rates) for one in (arm, other))
    return None if mine is None else mine - (theirs or 0.0)


def _before(preparation: Preparation, unit: str, rates: Rates) -> float | None:
    if unit == "money" and preparation.cpu_s is not None:
        return rates.cpu_money(preparation.cpu_s)
    return {"CPU-seconds": preparation.cpu_s, "seconds": preparation.seconds}.get(unit)


def _is_prepared(arm: ArmResult) -> bool:
    return bool(arm.recipe.get("adapter")) or any(c.get("use") == "head" for c in arm.recipe.get("control", ()))
