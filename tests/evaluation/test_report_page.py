"""The page: what it says in both languages, what it lets one click to, and that untrusted text stays text."""

import json
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from itertools import combinations, pairwise

import pytest

from afina.domain.report import CaseResult, Report
from afina.domain.row import Source
from afina.errors import BadRequest
from afina.evaluation.show.cases import outcome, views
from afina.evaluation.show.forest import added, forest, qualities
from afina.evaluation.show.html import LONGEST_MESSAGE, page, visible
from afina.evaluation.show.plot import LINE, Mark, Plot, plot
from afina.evaluation.show.sentences import sections
from afina.evaluation.show.tables import tables
from afina.evaluation.show.words import words
from sample_report import EARLY, MANY, report

EVIL = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>\u202e\u2028{{ 7 * 7 }}"


def poisoned() -> Report:
    """Untrusted text wherever a report has text from outside."""
    found = report(8)
    first, base = found.results[0], found.results[0].rows["base"]
    bad = replace(base, answer=EVIL, whys={"correct": EVIL, EVIL: EVIL}, sources=(Source(EVIL, EVIL, "p", 3, True),))
    failed = replace(found.results[1].rows["base"], failed=f"engine_error: {EVIL}")
    results = (
        CaseResult("c0", EVIL, (EVIL,), 'en" onload="x', {**first.rows, "base": bad}, first.right),
        replace(found.results[1], rows={**found.results[1].rows, "base": failed}),
    )
    arms = (replace(found.arms[0], what=EVIL, failures={EVIL: 1}), *found.arms[1:])
    return replace(
        found, name=EVIL, engine=EVIL, arms=arms, results=(*results, *found.results[2:]), settings={EVIL: EVIL},
        texts={**found.texts, "form": (EVIL, EVIL)},
        skipped=(replace(found.skipped[1], arm=EVIL, why=EVIL, detail=EVIL),),
    )  # fmt: skip


class Seen(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def count(self, tag: str) -> int:
        return [t for t, _ in self.tags].count(tag)


def data_of(text: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    loaded: dict[str, object] = json.loads(found[1])
    return loaded


@pytest.mark.parametrize("lang", ["en", "es"])
def test_untrusted_text_stays_text(lang: str) -> None:
    text = page(poisoned(), lang=lang)
    seen = Seen(text)
    assert seen.count("script") == 2
    assert not any(t == "img" or any(a.startswith("on") for a in attrs) for t, attrs in seen.tags)
    assert "\\u202e" in text
    assert "\u202e" not in text
    assert "\u2028" not in text
    assert "<!--" not in text
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", text)[0]
    messages = data_of(text)["texts"]
    assert isinstance(messages, list)
    assert "<img src=x" in messages[0][1]


def test_nothing_is_loaded_from_outside_and_nothing_else_may_run() -> None:
    text = page(report())
    seen = Seen(text)
    assert not any(a in attrs for _, attrs in seen.tags for a in ("src", "href", "style"))
    assert "url(" not in text
    policy = next(str(a["content"]) for t, a in seen.tags if t == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


@pytest.mark.parametrize("lang", ["en", "es"])
def test_the_page_says_what_the_tables_and_the_sentences_say(lang: str) -> None:
    found = report()
    text = page(found, lang=lang)
    for table in tables(found, lang):
        for line in table.rows:
            assert all(cell.text.replace("<", "&lt;") in text for cell in line)
    for section in sections(found, lang):
        assert all(line.replace("<", "&lt;").replace(">", "&gt;") in text for line in section.lines)
    assert f'<html lang="{lang}">' in text


def test_every_answer_is_one_click_from_its_prompt_passages_and_verdicts() -> None:
    found = report()
    text = page(found)
    assert Seen(text).count("article") == 60
    first = found.results[0].rows["tuned+knowledge"]
    assert len(first.prompts) == 2
    assert f'data-prompts="0,{list(found.texts).index("k0")};0,' in text
    assert data_of(text)["texts"][0] == ["system", found.texts["form"][1]]  # type: ignore[index]
    view = views(found, words("en"), {})[0]
    assert [v.name for v in view.arms[0].rows[0].verdicts][:2] == ["right", "exact"]
    assert len(next(a for a in view.arms if a.name == "tuned").rows) == 3


def test_a_message_that_was_not_kept_is_said_to_be_missing() -> None:
    text = page(replace(report(8), texts={}))
    assert 'data-prompts="-1,-1"' in text
    assert data_of(text)["words"]["no_prompt"] == "not kept"  # type: ignore[index]


def test_a_long_message_is_cut_and_says_so() -> None:
    found = report(8)
    text = page(replace(found, texts={**found.texts, "form": ("system", "x" * (LONGEST_MESSAGE + 1234))}))
    shown = data_of(text)["texts"][0][1]  # type: ignore[index]
    assert shown.endswith("1,234 more characters; the JSON of the report has them]")
    assert len(shown) < LONGEST_MESSAGE + 100


def test_cases_carry_what_they_are_filtered_by() -> None:
    found = report()
    seen = views(found, words("en"), {})
    names = [a.name for a in found.arms]
    assert "unanswerable" in seen[5].tags
    assert "failed" in seen[7].tags.split()
    assert seen[7].marks[names.index("examples")] == "!"
    assert seen[9].marks[names.index("knowledge")] in "?"
    assert seen[55].marks[names.index(EARLY)] == "."
    for place, arm in enumerate(found.arms):
        assert [v.result.case for v in seen if f"only-{place}" in v.tags.split()] == list(arm.alone)


@pytest.mark.parametrize(
    ("right", "said"),
    [({"a": 1.0, "b": 0.0}, "disagree"), ({"a": 1.0, "b": 1.0}, "everybody"), ({"a": 0.2, "b": None}, "nobody"),
     ({"a": None}, ""), ({}, "")],
)  # fmt: skip
def test_outcomes(right: dict[str, float | None], said: str) -> None:
    assert outcome(CaseResult("c", "?", (), "en", {}, right)) == said


def test_a_long_question_opens_with_a_click() -> None:
    found = report(8)
    long = replace(found.results[0], question="word " * 4000)
    view = views(replace(found, results=(long,)), words("en"), {})[0]
    assert view.rest
    assert len(view.heading) < 300


def test_a_big_study_makes_a_page_that_stays_quick() -> None:
    started = time.process_time()
    text = page(report(500, shares=MANY, words=3))
    assert time.process_time() - started < 10
    assert len(text.encode()) < 10_000_000


def test_a_study_of_one_arm_and_no_cases_has_a_page() -> None:
    found = report(8)
    alone = replace(
        found, arms=found.arms[:1], against_base=(), against_best=(), results=(), effects=(), savings=(), stopped=(),
        recommendation=replace(found.recommendation, best="base", arm="base"),
    )  # fmt: skip
    text = page(alone)
    assert "no arm reached more" in text
    assert 'id="cases"' not in text


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(BadRequest, match="de"):
        page(report(8), lang="de")


def test_control_characters_are_written_out() -> None:
    assert visible("a\x1b[31m\u2066b\nc") == "a\\u001b[31m\\u2066b\nc"


def drawn(width: float) -> Plot:
    found = plot(report(), lambda a: a.cost.per_answer, width=width, height=300, x_title="cost", w=words("en"))
    assert found is not None
    return found


@pytest.mark.parametrize("width", [340.0, 360.0, 760.0])
@pytest.mark.parametrize("spread", [0.0, 0.01, 1.0])
def test_labels_cover_neither_each_other_nor_a_point(width: float, spread: float) -> None:
    """spread: how far the prices of the arms are apart; 0 puts all of them on one line."""
    found = report(shares=MANY)
    prices = {a.name: 1 + spread * n for n, a in enumerate(found.arms)}
    shown = plot(found, lambda a: prices[a.name], width=width, height=300, x_title="cost", w=words("en"))
    assert shown is not None
    boxes = {m.name: box(m) for m in shown.marks}
    for one, other in combinations(shown.marks, 2):
        assert not meet(boxes[one.name], boxes[other.name]), (one.name, other.name)
        assert not meet(boxes[one.name], (other.x - 4, other.x + 4, other.y))
    for mark in shown.marks:
        assert shown.top <= mark.high_y <= mark.y <= mark.low_y <= shown.bottom + 1e-6
        assert shown.left < mark.x < shown.right


def box(mark: Mark) -> tuple[float, float, float]:
    width = 6.5 * len(mark.name)
    first = mark.label_x if mark.anchor == "start" else mark.label_x - width
    return first, first + width, mark.label_y


def meet(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1] and abs(one[2] - other[2]) < LINE - 1e-6


@pytest.mark.parametrize("reach", [1.01, 1.5, 4.0, 40.0, 1e4, 1e7])
def test_the_price_axis_has_ticks_that_fit(reach: float) -> None:
    found = report(8)
    prices = dict(zip((a.name for a in found.arms), (1.3, 1.3 * reach, 1.3, 1.3, 1.3, 1.3), strict=True))
    shown = plot(found, lambda a: prices[a.name], width=340, height=300, x_title="cost", w=words("en"))
    assert shown is not None
    assert 2 <= len(shown.x_ticks) <= 8
    assert all(shown.left <= t.at <= shown.right for t in shown.x_ticks)


def test_the_front_joins_the_arms_that_none_beats_and_no_stopped_one() -> None:
    shown = drawn(760)
    on = {m.name for m in shown.marks if (m.x, m.y) in shown.front}
    whole = [m for m in shown.marks if not m.early]
    assert on == {m.name for m in whole if not any(o.x <= m.x and o.y <= m.y and o is not m for o in whole)}
    assert EARLY not in on
    assert all(y <= x_y[1] for x_y, (_, y) in pairwise(shown.front))


def test_an_arm_without_a_price_is_not_drawn() -> None:
    assert plot(report(), lambda a: None, width=340, height=300, x_title="", w=words("en")) is None


@pytest.mark.parametrize("width", [340.0, 760.0])
def test_the_forest_holds_every_interval(width: float) -> None:
    for items in (qualities(report(), words("en")), added(report(), words("es"))):
        shown = forest(items, width=width, w=words("en"))
        assert shown is not None
        for bar in shown.bars:
            assert shown.left - 1e-6 <= bar.low_x <= bar.x <= bar.high_x <= shown.right + 1e-6
            assert 0 < bar.name_y < shown.bottom
    assert forest([], width=width, w=words("en")) is None
