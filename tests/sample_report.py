"""A whole report, made up by a seeded hand: every field is used, so that whatever shows reports has all to show."""

import math
import random
from collections.abc import Mapping
from dataclasses import replace

from afina.domain.answer import Used
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
    Recommendation,
    Report,
    Saving,
    Spread,
    Stopped,
)
from afina.domain.row import Row, Source

SHARES = {"base": 0.12, "prompt": 0.15, "examples": 0.3, "knowledge": 0.43, "tuned": 0.24, "tuned+knowledge": 0.61}
MANY = {**SHARES, "nearest": 0.4, "large": 0.7}
CPU_S = {"base": 0.41, "prompt": 0.52, "examples": 1.9, "knowledge": 2.2, "tuned": 0.43, "tuned+knowledge": 2.3}
SEEDS = ("tuned#0", "tuned#1", "tuned#2")
EARLY = "prompt"
FORM = "Answer with a short phrase from the documents, or say: The documents do not tell."
PASSAGE = "The night boat sails at 23:40 from pier {n} on weekdays.\nTickets are sold until ten minutes before. " * 4


def report(count: int = 60, *, shares: Mapping[str, float] = SHARES, words: int = 1) -> Report:
    """words: how much longer than usual answers and passages are."""
    draw = random.Random(0)
    results = [_case(n, shares, draw, words) for n in range(count)]
    texts = {"form": ("system", FORM)}
    texts |= {f"q{n}": ("user", f"Question {n}: when does boat {n} sail?") for n in range(count)}
    texts |= {f"k{n}": ("user", _passages(n, words) + f"\nQuestion {n}?") for n in range(count)}
    arms = tuple(_arm(name, results) for name in shares)
    best = max(arms, key=lambda a: a.quality.value or 0)
    return Report(
        id="study-0123456789abcdef", name="Night boats & <ferries>", created=1_790_000_000.0, engine="echo:tiny",
        cases=count, groups=(count + 3) // 4, unanswerable=sum(not r.expected for r in results), arms=arms,
        against_base=tuple(_versus(a, arms[0], count) for a in arms[1:]),
        against_best=tuple(_versus(a, best, count) for a in arms if a is not best),
        recommendation=Recommendation(
            verdict="best", arm=best.name, sentence=f"Use {best.name}.", delta=0.02, best=best.name
        ),
        figures=("exact_match", "token_f1", "withheld", "citation_precision", "house_style"),
        findings=("as it was said in English",),
        skipped=(LeftOut("nearest", "no_examples"), LeftOut("large", "not_certified", "the certificate <expired>")),
        stopped=(Stopped(EARLY, "dominated", 50, best.name, -0.203, -0.041),
                 Stopped("judge", "budget", 0, limit="minutes", would=42.0, of=30.0)),
        effects=(Effect(("knowledge",), 0.31, 0.25, 0.37, count), Effect(("tuned",), 0.12, 0.05, 0.19, count),
                 Effect(("knowledge", "tuned"), 0.09, -0.01, 0.19, count)),
        front=("base", "tuned", "tuned+knowledge"),
        savings=(Saving("tuned", "examples", 412.0, 0.31, 1.47, "CPU-seconds", 1700, diet=True),
                 Saving("tuned+knowledge", "knowledge", -3.0, None, -0.1, "CPU-seconds", None)),
        judges=(Agreement("base", 40, 0.85, 0.9, 0.71, 3), Agreement("large", 40, None, None, None)),
        told_from=0.091, overlap=Overlap(300, ("c1",), ("c2", "c3"), 4, ("c5",)),
        settings={"seed": 0, "watts_per_core": 10.0, "grid_g_per_kwh": 481.0, "amortised_over": 10_000,
                  "passages at most": 4, "arms stopped early": "yes", "cpu_hour_price": None},
        results=tuple(results), texts=texts,
    )  # fmt: skip


def with_cheapest(found: Report) -> Report:
    """The same study with a smaller arm that is good enough."""
    best = found.recommendation.best
    difference = Comparison(
        arm="tuned", against=best, difference=-0.008, low=-0.019, high=0.003, p=0.2, p_holm=0.4, test="exact McNemar",
        disagree=0.05, cases=found.cases, groups=found.groups, cases_needed=1840,
    )  # fmt: skip
    advice = Recommendation(verdict="cheapest", arm="tuned", sentence="", delta=0.02, best=best)
    others = tuple(c for c in found.against_best if c.arm != "tuned")
    return replace(found, recommendation=advice, against_best=(*others, difference))


def undecided(found: Report) -> Report:
    """The same study, in which two cheaper arms may be as good."""
    best = found.recommendation.best
    names = ("knowledge", "examples")
    near = tuple(
        replace(c, low=-0.2, high=0.1, p_holm=0.3, cases_needed=12_500) if c.arm in names else c
        for c in found.against_best
    )
    advice = Recommendation(verdict="undecided", arm=None, sentence="", delta=0.02, best=best, cases_needed=12_500)
    return replace(found, recommendation=advice, against_best=near)


def _case(number: int, shares: Mapping[str, float], draw: random.Random, words: int) -> CaseResult:
    answerable = number % 5 > 0
    asked = [a for a in shares if a != EARLY or number < 50]
    rows: dict[str, Row] = {}
    right: dict[str, float | None] = {}
    for arm in asked:
        mine = [_row(member, arm, number, float(draw.random() < shares[arm]), words) for member in _members(arm)]
        rows |= {row.arm: row for row in mine}
        values = [0.0 if row.failed else row.scores["correct"] for row in mine]
        known = [v for v in values if v is not None]
        right[arm] = sum(known) / len(known) if known else None
    expected = ("23:40", "at twenty to twelve") if answerable else ()
    lang = "es" if number % 7 == 3 else "en"
    question = f"¿Cuándo sale el barco {number}?" if lang == "es" else f"When does boat {number} sail from the pier?"
    return CaseResult(f"c{number}", question, expected, lang, rows, right)


def _members(arm: str) -> tuple[str, ...]:
    return SEEDS if arm == "tuned" else (arm,)


def _row(member: str, arm: str, number: int, right: float, words: int) -> Row:
    knows = "knowledge" in arm
    used = Used(prompt_tokens=60 + 400 * knows, completion_tokens=9, seconds=0.4 + knows, cpu_s=CPU_S.get(arm, 1.0))
    if number == 7 and arm == "examples":
        return Row(arm=member, case=f"c{number}", turn="quality", block=0, failed="too_long: 9,000 tokens", used=used)
    scores: dict[str, float | None] = {"correct": right, "exact_match": right, "token_f1": right or 0.25}
    scores |= {"withheld": None if number % 5 else right, "citation_precision": 0.5 if knows else None}
    if number == 9 and arm == "knowledge":
        scores["correct"] = None
    return Row(
        arm=member, case=f"c{number}", turn="quality", block=number // 25, used=used, scores=scores,
        answer=("At 23:40. " if right else "I am not sure, but perhaps at noon. ") * words,
        whys={"correct": "holds “23:40”" if right else "holds no known answer"},
        sources=tuple(Source(f"timetable-{n}.md", "Night boats", f"p{n}", n or None, cited=n == 1) for n in range(4))
        if knows else (),
        prompts=(("form", f"k{number}" if knows else f"q{number}"),) * (2 if arm == "tuned+knowledge" else 1),
    )  # fmt: skip


def _passages(number: int, words: int) -> str:
    return "\n\n".join(f"[{n}] timetable-{n}.md\n" + PASSAGE.format(n=number) * words for n in range(1, 5))


def _arm(name: str, results: list[CaseResult]) -> ArmResult:
    values = [v for r in results if (v := r.right.get(name)) is not None]
    quality = _estimate(sum(values) / len(values), len(values))
    cpu_s = CPU_S.get(name, 1.0)
    alone = tuple(r.case for r in results if [a for a, v in r.right.items() if v is not None and v >= 0.5] == [name])
    failed = sum(bool(r.rows[name].failed) for r in results if name in r.rows)
    cost = Cost(
        prompt_tokens=60 + 400 * ("knowledge" in name), completion_tokens=9.0, first_s=0.1, seconds=0.2 + cpu_s / 4,
        cpu_s=cpu_s, peak_bytes=900 * 2**20, energy_wh=cpu_s / 360, carbon_g=cpu_s / 360 * 0.481, prepared_wh=0.0001,
        per_answer=cpu_s + 0.06 * ("tuned" in name), unit="CPU-seconds",
    )  # fmt: skip
    metrics = {"correct": quality, "exact_match": quality, "token_f1": _estimate(0.5, 40), "withheld": Estimate(None)}
    if "knowledge" in name:
        metrics |= {"withheld": _estimate(0.9, 12), "citation_precision": _estimate(0.62, 48)}
    return ArmResult(
        name=name, what=f"what {name} is", quality=quality, metrics=metrics | {"house_style": _estimate(0.7, 60)},
        cost=cost, preparation=Preparation(cpu_s=600.0, seconds=320.0, tries=4, labels=300, note="chosen among 4"),
        recipe={"engine": "echo", "gather": []}, failures={"too_long: 9,000 tokens": failed} if failed else {},
        members=_members(name), alone=alone, spread=Spread(3, 0.2, 0.27, 0.035) if name == "tuned" else None,
    )  # fmt: skip


def _estimate(share: float, cases: int) -> Estimate:
    half = 1.96 * math.sqrt(max(share * (1 - share), 0.01) / cases)
    return Estimate(share, max(0.0, share - half), min(1.0, share + half), cases)


def _versus(arm: ArmResult, other: ArmResult, cases: int) -> Comparison:
    difference = (arm.quality.value or 0.0) - (other.quality.value or 0.0)
    half = 1.96 * math.sqrt(0.3 / cases)
    apart = abs(difference) > half
    return Comparison(
        arm=arm.name, against=other.name, difference=difference, low=difference - half, high=difference + half,
        p=0.0004 if apart else 0.2, p_holm=0.0008 if apart else 0.31, test="paired permutation of groups",
        disagree=0.3, cases=cases, groups=cases // 4, cases_needed=1840,
    )  # fmt: skip
