"""The sentences of a report, made from its figures in any language; none claims what an interval does not bear."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from afina.domain.report import (
    Agreement,
    ArmResult,
    Comparison,
    Effect,
    LeftOut,
    Recommendation,
    Report,
    Saving,
    Stopped,
)
from afina.evaluation.show.words import Words, words

MECHANISMS = frozenset({"prompt", "examples", "nearest", "knowledge", "memory", "tuned"})
"""What is added to a model; an arm that is made of these alone is that model, better or worse."""


@dataclass(frozen=True, slots=True)
class Section:
    """key: which words name it (`section.KEY`)."""

    key: str
    title: str
    lines: tuple[str, ...]


def sections(report: Report, lang: str = "en") -> tuple[Section, ...]:
    """All that a report says in sentences, in reading order; empty sections are left out."""
    w, early = words(lang), {s.arm for s in report.stopped}
    whole = [a for a in report.arms if a.name not in early]
    said = {
        "recommendation": (advice(report.recommendation, whole, report.against_best, lang=lang),
                           rule(report.recommendation.delta, w)),
        "findings": findings(report.against_base, lang=lang),
        "effects": tuple(effect(e, w) for e in report.effects),
        "savings": savings(report.savings, report.arms, report.recommendation.delta, w),
        "unfinished": (*(stopped(s, w) for s in report.stopped), *(left_out(s, w) for s in report.skipped)),
        "trust": trust(report, w),
    }  # fmt: skip
    return tuple(Section(key, w[f"section.{key}"], lines) for key, lines in said.items() if lines)


def advice(
    found: Recommendation, arms: Sequence[ArmResult], against_best: Sequence[Comparison], *, lang: str = "en"
) -> str:
    """The recommendation with its numbers; `found.sentence` is not read."""
    w, by_name = words(lang), {a.name: a for a in arms}
    best = by_name[found.best]
    if best.quality.value is None:
        return w["advice.unscored"]
    if found.verdict == "cheapest" and found.arm is not None:
        difference = next(c for c in against_best if c.arm == found.arm)
        said = w.say(
            "advice.cheapest", arm=found.arm, best=found.best, delta=w.points(found.delta), spread=spread(difference, w)
        )
        return f"{said} {_prices(by_name[found.arm], best, w)}".strip()
    cheaper = [a.name for a in arms if _price(a) < _price(best)]
    if found.verdict == "best":
        return w.say("advice.best", best=found.best, names=w.names(cheaper)) if cheaper else w.say(
            "advice.alone", best=found.best
        )  # fmt: skip
    questions = [c for c in against_best if c.arm in cheaper and not c.told_apart]
    return w.say(
        "advice.undecided_one" if len(questions) == 1 else "advice.undecided", best=found.best,
        names=w.names([c.arm for c in questions]), needed=w.whole(found.cases_needed or 0),
        cases=w.whole(max((c.cases for c in questions), default=0)),
    )  # fmt: skip


def _price(arm: ArmResult) -> float:
    return math.inf if arm.cost.per_answer is None else arm.cost.per_answer


def _prices(arm: ArmResult, best: ArmResult, w: Words) -> str:
    if arm.cost.per_answer is None or best.cost.per_answer is None:
        return ""
    return w.say(
        "advice.price", price=w.figure(arm.cost.per_answer), unit=w.unit(arm.cost.unit), best=best.name,
        best_price=w.figure(best.cost.per_answer),
    )  # fmt: skip


def rule(delta: float, w: Words) -> str:
    return w.say("advice.rule", delta=w.points(delta))


def findings(against_base: Sequence[Comparison], *, lang: str = "en") -> tuple[str, ...]:
    """One sentence an arm: better, worse, or not told apart. Worse is said as plainly as better."""
    return tuple(finding(c, words(lang)) for c in against_base)


def finding(comparison: Comparison, w: Words) -> str:
    """'knowledge made this model worse: -2.1 points, 95 % interval -3.8 to -0.4'; of what is not this model with
    something added (a larger one, a classifier) that it is better or worse than it."""
    if comparison.told_apart:
        better = comparison.difference > 0
        same = all(part in MECHANISMS for part in comparison.arm.split("+"))
        said = ("better" if better else "worse") if same else ("above" if better else "below")
        return w.say(f"finding.{said}", arm=comparison.arm, against=comparison.against, spread=spread(comparison, w))
    return w.say(
        "finding.unclear", arm=comparison.arm, against=comparison.against, spread=spread(comparison, w),
        needed=w.whole(comparison.cases_needed),
    )  # fmt: skip


def spread(comparison: Comparison, w: Words) -> str:
    """'+3.1 points, 95 % interval +0.4 to +5.8'."""
    return w.say(
        "spread", difference=w.points(comparison.difference, sign=True), low=w.points(comparison.low, sign=True),
        high=w.points(comparison.high, sign=True),
    )  # fmt: skip


def stopped(stop: Stopped, w: Words) -> str:
    """Why an arm was not measured to the end."""
    if stop.why == "dominated":
        return w.say(
            "stopped.dominated", arm=stop.arm, cases=w.whole(stop.after_cases), against=stop.against,
            low=w.points(-stop.high), high=w.points(-stop.low),
        )  # fmt: skip
    return w.say(
        "stopped.budget" if stop.after_cases else "stopped.budget_before", arm=stop.arm, of=w.figure(stop.of),
        cases=w.whole(stop.after_cases), would=w.figure(stop.would), limit=w.get(f"limit.{stop.limit}", stop.limit),
    )  # fmt: skip


def left_out(left: LeftOut, w: Words) -> str:
    why = w.get(f"left.{left.why}", left.why)
    return w.say("left.detail" if left.detail else "left.sentence", arm=left.arm, why=why, detail=left.detail)


def effect(found: Effect, w: Words) -> str:
    """'knowledge adds +31.0 points ...'; of two factors what they add together beyond their sum."""
    said = w.say(
        "effect.one" if len(found.factors) == 1 else "effect.two", factor=found.factors[0],
        factors=f" {w['and']} ".join(found.factors), difference=w.points(found.difference, sign=True),
        low=w.points(found.low, sign=True), high=w.points(found.high, sign=True),
    )  # fmt: skip
    return said if found.low > 0 or found.high < 0 else w.say("effect.unclear", sentence=said)


def savings(found: Sequence[Saving], arms: Sequence[ArmResult], delta: float, w: Words) -> tuple[str, ...]:
    """Prompt diets first. That something pays is said with both qualities: what is cheaper may be worse."""
    share = {a.name: "?" if a.quality.value is None else w.points(a.quality.value) for a in arms}
    paid = {
        w.say("saving.quality", sentence=breaks_even(s, w), mine=share.get(s.arm, "?"), other=s.instead_of,
              theirs=share.get(s.instead_of, "?")): None
        for s in found
    }  # fmt: skip
    return (*(diet(s, delta, w) for s in found if s.diet), *paid)


def breaks_even(saving: Saving, w: Words) -> str:
    """'tuned pays for itself after 1,700 calls ...'; or that it never does."""
    names = {"arm": saving.arm, "other": saving.instead_of, "unit": w.unit(saving.unit)}
    if saving.cost is None or (saving.calls is None and saving.cost > 0):
        return w.say("saving.unknown", **names)
    if saving.calls is None:
        return w.say("saving.never" if saving.cost < 0 else "saving.never_same", cost=w.figure(-saving.cost), **names)
    how = "saving.pays" if saving.calls > 1 else "saving.at_once"
    return w.say(how, calls=w.whole(saving.calls), cost=w.figure(saving.cost), **names)


def diet(saving: Saving, delta: float, w: Words) -> str:
    """'Prompt diet: tuned in place of examples saves 412 tokens, 0.31 s ... per call at equal quality'."""
    values: dict[str, float | None] = {"tokens": saving.tokens, "seconds": saving.seconds}
    if saving.unit not in values:
        values["cost"] = saving.cost
    parts = [(v, w.say(f"saving.{k}", value=w.whole(abs(v)) if k == "tokens" else w.figure(abs(v)),
                       unit=w.unit(saving.unit))) for k, v in values.items() if v is not None]  # fmt: skip
    saved, lost = [text for v, text in parts if v >= 0], [text for v, text in parts if v < 0]
    said = w.say("saving.diet", arm=saving.arm, other=saving.instead_of, parts=w.names(saved), delta=w.points(delta))
    return w.say("saving.diet_but", sentence=said, parts=w.names(lost)) if lost else said


def trust(report: Report, w: Words) -> tuple[str, ...]:
    """How far the figures carry: power, seeds, judges, overlap."""
    power = () if report.told_from is None else (w.say("trust.power", points=w.points(report.told_from)),)
    seeds = tuple(_seeds(a, w) for a in report.arms if a.spread is not None)
    judges = tuple(judged(j, w) for j in report.judges)
    return (*power, *seeds, *judges, *_overlap(report, w))


def _seeds(arm: ArmResult, w: Words) -> str:
    assert arm.spread is not None
    return w.say(
        "trust.seeds", arm=arm.name, seeds=arm.spread.seeds, low=w.points(arm.spread.lowest),
        high=w.points(arm.spread.highest), sd=w.points(arm.spread.sd),
    )  # fmt: skip


def judged(found: Agreement, w: Words) -> str:
    """What a judge's verdicts are worth; what was not held against anything is said so."""
    share = None if found.consistent is None else w.points(found.consistent)
    said = [w.say("trust.judged" if share is None else "trust.swapped", judge=found.judge, share=share,
                  cases=w.whole(found.cases))]  # fmt: skip
    if found.agrees is None:
        said.append(w["trust.unlabelled"])
    elif found.kappa is None:
        said.append(w.say("trust.agrees", share=w.points(found.agrees)))
    else:
        said.append(w.say("trust.agrees_kappa", share=w.points(found.agrees), kappa=w.fixed(found.kappa, 2)))
    if found.no_verdict:
        said.append(w.say("trust.no_verdict", count=w.whole(found.no_verdict)))
    return " ".join(said)


def _overlap(report: Report, w: Words) -> tuple[str, ...]:
    shared = report.overlap
    index = (w.say("trust.overlap_index", count=w.whole(len(shared.index))),) if shared.index else ()
    if not shared.rows:
        return index
    if not shared.exact and not shared.near:
        return (w.say("trust.overlap_none", rows=w.whole(shared.rows)), *index)
    some = w.say(
        "trust.overlap_some", rows=w.whole(shared.rows), exact=w.whole(len(shared.exact)),
        near=w.whole(len(shared.near)), removed=w.whole(shared.removed),
    )  # fmt: skip
    return (some, *index)


def energy(arms: Sequence[ArmResult], settings: Mapping[str, Any], w: Words) -> tuple[str, ...]:
    """Whether energy was measured or modelled, and with what; () where there is none."""
    known = [a for a in arms if a.cost.energy_wh is not None]
    measured = [a.name for a in known if a.cost.measured]
    if not known:
        return ()
    how = "measured" if len(measured) == len(known) else "mixed" if measured else "modelled"
    watts, grams = (settings.get(name) for name in ("watts_per_core", "grid_g_per_kwh"))
    rates = {"watts": _rate(watts, w), "grams": _rate(grams, w)}
    return (w.say(f"trust.{how}", names=w.names(measured), **rates),)


def _rate(value: object, w: Words) -> str:
    return w.plain(value) if isinstance(value, int | float) else "?"
