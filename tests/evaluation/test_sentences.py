"""Every sentence of a report, in both languages, from figures worked out by hand."""

from dataclasses import replace

import pytest

from afina.domain.report import (
    Agreement,
    ArmResult,
    Comparison,
    Cost,
    Effect,
    Estimate,
    LeftOut,
    Overlap,
    Recommendation,
    Saving,
    Stopped,
)
from afina.evaluation.show.sentences import (
    advice,
    breaks_even,
    diet,
    effect,
    energy,
    findings,
    judged,
    left_out,
    savings,
    sections,
    stopped,
)
from afina.evaluation.show.words import words
from sample_report import report, undecided, with_cheapest

EN, ES = words("en"), words("es")


def versus(arm: str, difference: float, low: float, high: float, p_holm: float = 0.01) -> Comparison:
    return Comparison(
        arm=arm, against="base", difference=difference, low=low, high=high, p=p_holm, p_holm=p_holm,
        test="exact McNemar", disagree=0.2, cases=200, groups=200, cases_needed=1840,
    )  # fmt: skip


def arm(name: str, quality: float, price: float | None) -> ArmResult:
    return ArmResult(
        name=name, what="", quality=Estimate(quality), metrics={}, cost=Cost(per_answer=price, unit="CPU-seconds")
    )


def test_worse_is_said_as_plainly_as_better() -> None:
    said = findings([versus("knowledge", -0.021, -0.038, -0.004), versus("tuned", 0.021, 0.004, 0.038)])
    assert said[0] == "knowledge made this model worse: -2.1 points, 95 % interval -3.8 to -0.4"
    assert said[1] == "tuned made this model better: +2.1 points, 95 % interval +0.4 to +3.8"


def test_another_model_does_not_make_this_one_better() -> None:
    said = findings(
        [versus("large", 0.4, 0.3, 0.5), versus("head", -0.4, -0.5, -0.3), versus("tuned+nearest", 1, 1, 1)]
    )
    assert said[0].startswith("large is better than base: +40.0 points")
    assert said[1].startswith("head is worse than base: -40.0 points")
    assert said[2].startswith("tuned+nearest made this model better")


def test_no_claim_is_made_that_the_interval_or_the_corrected_test_does_not_bear() -> None:
    for unclear in (versus("prompt", 0.01, -0.02, 0.04), versus("prompt", 0.01, 0.001, 0.02, p_holm=0.2)):
        (said,) = findings([unclear])
        assert "not enough data to tell it from base" in said
        assert said.endswith("about 1,840 cases would do")
    (dicho,) = findings([versus("prompt", 0.01, -0.02, 0.04)], lang="es")
    assert dicho == (
        "prompt: no hay datos suficientes para distinguirla de base: +1,0 puntos, intervalo del 95 % de -2,0 a +4,0; "
        "bastarían unos 1840 casos"
    )


def test_the_recommendation_has_its_numbers() -> None:
    found = with_cheapest(report())
    said = advice(found.recommendation, found.arms, found.against_best)
    assert said == (
        "Use tuned: it is the cheapest arm that is not worse than the best one (tuned+knowledge) by more than 2.0 "
        "points (-0.8 points, 95 % interval -1.9 to +0.3). An answer costs 0.490 CPU-seconds, one of tuned+knowledge "
        "2.36."
    )
    dicho = advice(found.recommendation, found.arms, found.against_best, lang="es")
    assert "más barata" in dicho
    assert "-0,8 puntos" in dicho


def test_the_best_arm_is_recommended_with_what_it_was_better_than() -> None:
    best = Recommendation(verdict="best", arm="b", sentence="", delta=0.02, best="b")
    arms = [arm("a", 0.2, 1.0), arm("b", 0.6, 2.0), arm("c", 0.3, 3.0)]
    assert advice(best, arms, []) == "Use b: it is the best arm, and every cheaper one (a) is worse."
    assert advice(best, arms[1:], []) == "Use b: no arm reached more, and none is cheaper."


def test_undecided_names_the_open_questions_and_how_many_cases_would_tell() -> None:
    found = undecided(report())
    said = advice(found.recommendation, found.arms, found.against_best)
    assert said.startswith("Not enough data to tell: tuned+knowledge reached most, but examples, knowledge cost less")
    assert said.endswith("about 12,500 cases would tell (this study has 60).")
    one = [c for c in found.against_best if c.arm != "examples"]
    assert "knowledge costs less" in advice(found.recommendation, found.arms, one)


def test_a_stopped_arm_is_worse_by_the_ends_of_the_sequence() -> None:
    stop = Stopped("prompt", "dominated", 75, "knowledge", -0.203, -0.041)
    assert stopped(stop, EN) == (
        "prompt was stopped after 75 cases: worse than knowledge by 4.1 to 20.3 points (valid at every look)"
    )
    budget = Stopped("large", "budget", 25, limit="minutes", would=42.0, of=30.0)
    assert "after 25 cases: with it the study would come to 42.0 minutes, and the budget is 30.0" in stopped(budget, EN)
    assert "no se midió" in stopped(replace(budget, after_cases=0), ES)


def test_left_out_says_why_and_what_the_error_said() -> None:
    assert left_out(LeftOut("tuned", "no_tuned"), EN) == "tuned was left out: no tuned model was named"
    assert left_out(LeftOut("tuned", "conflict", "gone"), ES).endswith("sus partes no encajan (gone)")
    assert left_out(LeftOut("tuned", "of a plugin"), EN).endswith("of a plugin")


def test_effects_and_what_two_add_together() -> None:
    assert effect(Effect(("knowledge",), 0.31, 0.25, 0.37, 200), EN) == (
        "knowledge adds +31.0 points (95 % interval +25.0 to +37.0), over the other mechanisms on and off"
    )
    both = effect(Effect(("knowledge", "tuned"), 0.09, -0.01, 0.19, 200), EN)
    assert both.startswith("knowledge and tuned together: +9.0 points beyond the sum")
    assert both.endswith("not told apart from 0")


@pytest.mark.parametrize(
    ("cost", "calls", "said"),
    [(1.47, 1700, "pays for itself after 1,700 calls"), (1.47, 0, "from the first call"),
     (-0.2, None, "0.200 CPU-seconds more"), (0.0, None, "costs the same"), (None, None, "not known")],
)  # fmt: skip
def test_breaking_even(cost: float | None, calls: int | None, said: str) -> None:
    assert said in breaks_even(Saving("tuned", "examples", 412, 0.31, cost, "CPU-seconds", calls), EN)


def test_what_pays_is_said_with_both_qualities() -> None:
    (said,) = savings(
        [Saving("a", "b", 1, None, 2.0, "CPU-seconds", 10)], [arm("a", 0.4, 1), arm("b", 0.6, 3)], 0.02, EN
    )
    assert said.endswith("its quality is 40.0 %, that of b 60.0 %")


def test_the_prompt_diet_says_what_it_saves_and_what_it_takes() -> None:
    thin = Saving("tuned", "examples", 412, 0.31, 1.5, "CPU-seconds", 10, diet=True)
    assert diet(thin, 0.02, EN) == (
        "Prompt diet: tuned in place of examples saves 412 tokens, 0.310 s, 1.50 CPU-seconds per call at equal quality "
        "(within 2.0 points)"
    )
    assert diet(replace(thin, seconds=-0.2), 0.02, EN).endswith(", but takes 0.200 s more")
    assert diet(replace(thin, seconds=None, unit="tokens", cost=412), 0.02, EN).count("412") == 1


def test_a_judge_is_shown_with_what_it_was_held_against() -> None:
    said = judged(Agreement("large", 40, 0.85, 0.9, 0.71, 3), EN)
    assert "in 85.0 % of 40 cases" in said
    assert "in 90.0 % (kappa 0.71)" in said
    assert "no verdict on 3 cases, which count as nothing" in said
    assert "no labelled verdicts" in judged(Agreement("large", 40, None, None, None), EN)


def test_energy_is_labelled_by_where_it_comes_from() -> None:
    rates = {"watts_per_core": 10.0, "grid_g_per_kwh": 481.0}
    modelled = replace(arm("a", 0.5, 1), cost=Cost(energy_wh=0.1))
    measured = replace(arm("b", 0.5, 1), cost=Cost(energy_wh=0.1, measured=True))
    assert energy([modelled], rates, EN)[0].startswith("Energy is modelled, not measured: CPU-seconds at 10 W")
    assert energy([measured], rates, EN)[0] == "Energy was read from the machine's counters; carbon at 481 g/kWh."
    assert "counters for b; for the others it is modelled" in energy([modelled, measured], rates, EN)[0]
    assert energy([arm("c", 0.5, 1)], rates, EN) == ()


@pytest.mark.parametrize("lang", ["en", "es"])
def test_a_report_says_all_of_it_in_sections(lang: str) -> None:
    found = sections(report(), lang)
    assert [s.key for s in found] == ["recommendation", "findings", "effects", "savings", "unfinished", "trust"]
    assert not any("{" in line for s in found for line in s.lines)
    assert not any(line.startswith("as it was said") for s in found for line in s.lines)  # nothing stored is repeated


def test_what_there_is_nothing_to_say_about_is_left_out() -> None:
    bare = replace(
        report(), effects=(), savings=(), stopped=(), skipped=(), judges=(), told_from=None, overlap=Overlap()
    )
    arms = tuple(replace(a, spread=None) for a in bare.arms)
    assert [s.key for s in sections(replace(bare, arms=arms))] == ["recommendation", "findings"]
