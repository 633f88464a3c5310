"""The page and the tables: what they say, and that untrusted text stays text."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from afina.domain.answer import Used
from afina.domain.example import Case
from afina.domain.report import Preparation, Report, Row, Source
from afina.errors import BadRequest
from afina.evaluation.conclude import Entry, Heading, concluded
from afina.evaluation.cost import Rates
from afina.evaluation.show.html import page, visible
from afina.evaluation.show.plot import LINE, plot
from afina.evaluation.show.tables import tables

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e{{ 7 * 7 }}"
ARMS = {"base": 0.15, "prompt": 0.17, "knowledge": 0.5, "tuned": 0.2}


def row(arm: str, case: Case, number: int, **more: object) -> Row:
    right = float((number * 37 % 100) / 100 < ARMS[arm])
    scores = {"correct": right, "exact_match": right, "withheld": None if case.answerable else right}
    used = Used(prompt_tokens=50, completion_tokens=8, seconds=0.5, first_s=0.1, cpu_s=1 + 4 * (arm == "knowledge"))
    whole: dict[str, object] = {"answer": f"answer of {arm}", "scores": scores, "used": used, **more}
    return Row(arm=arm, case=case.id, turn="quality", block=number // 25, **whole)  # type: ignore[arg-type]


def report(count: int = 60, **evil: object) -> Report:
    cases = [Case(f"c{n}", f"Question {n}?", ("yes",) if n % 5 else (), group=f"g{n // 4}") for n in range(count)]
    cases[0] = Case("c0", EVIL, (EVIL,), lang="en")
    rows = [row(arm, case, n) for arm in ARMS for n, case in enumerate(cases)]
    rows[0] = row("base", cases[0], 0, answer=EVIL, sources=(Source(EVIL, EVIL, "p", 3, cited=True),))
    rows[1] = row("base", cases[1], 1, answer="", scores={}, failed=f"engine_error: {EVIL}")
    entries = [Entry(a, f"what {a} is", preparation=Preparation(cpu_s=90.0, tries=4, note=EVIL)) for a in ARMS]
    heading = Heading(id="st-1", name=EVIL, created=0.0, engine="echo", settings={"seed": 0})
    return concluded(entries, cases, rows, heading=heading, delta=0.02, rates=Rates())


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_untrusted_text_stays_text() -> None:
    text = page(report())
    seen = Seen()
    seen.feed(text)
    assert [t for t, _ in seen.tags].count("script") == 1
    assert not any(t == "img" or any(a.startswith("on") for a in attrs) for t, attrs in seen.tags)
    assert "\\u202e" in text
    assert "\u202e" not in text
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", text)[0]


def test_nothing_is_loaded_from_outside() -> None:
    text = page(report())
    seen = Seen()
    seen.feed(text)
    assert not any(a in attrs for _, attrs in seen.tags for a in ("src", "href"))
    assert "default-src 'none'" in text
    assert "url(" not in text


def test_the_page_says_what_the_tables_say() -> None:
    found = report()
    text = page(found)
    for table in tables(found):
        for line in table.rows:
            assert all(cell.text.replace("<", "&lt;").replace("+", "+") in text for cell in line)
    assert found.findings[0].split(":")[0] in text
    assert text.count("<details") == 60
    assert "failed" in text


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(BadRequest, match="de"):
        page(report(8), lang="de")


def test_control_characters_are_written_out() -> None:
    assert visible("a\x1b[31m\u2066b\nc") == "a\\u001b[31m\\u2066b\nc"


@pytest.mark.parametrize("width", [340.0, 760.0])
def test_labels_do_not_cover_each_other(width: float) -> None:
    drawn = plot(report(), width=width, height=300)
    assert drawn is not None
    for side in ("start", "end"):
        heights = sorted(m.label_y for m in drawn.marks if m.anchor == side)
        assert all(b - a >= LINE - 1e-6 for a, b in pairwise(heights))
    for mark in drawn.marks:
        assert drawn.top <= mark.high_y <= mark.y <= mark.low_y <= drawn.bottom + 1e-6
        assert drawn.left < mark.x < drawn.right
