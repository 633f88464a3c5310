"""Scorers of the tasks beside answering, against values worked by hand."""

import json
import math
from typing import Any

import pytest

from afina.domain.answer import Answer, Label, Ranked
from afina.domain.document import Found, Passage
from afina.domain.example import Case
from afina.evaluation.scorers import (
    checks,
    confidence,
    coverage,
    fields_exact,
    fields_f1,
    fields_precision,
    fields_recall,
    label_correct,
    mrr_at_10,
    ndcg_at_10,
    recall_at_10,
    recall_at_100,
    rouge_l,
    short_enough,
    similarity,
    terminology,
    valid_json,
)
from afina.evaluation.scorers._ranks import ranked_documents
from afina.evaluation.scorers.rouge_l import common_subsequence
from afina.testing.fakes import WordEmbedder


def case(*answers: str, lang: str = "en", **gold: Any) -> Case:
    return Case("c", "?", answers, lang=lang, **gold)


# --- labels ---


@pytest.mark.parametrize(
    ("said", "label", "expected"),
    [
        ("card_arrival", "card_arrival", 1.0),
        ("Card arrival.", "card_arrival", 1.0),
        ('\n Label: "card-arrival"\nbecause it is late', "card_arrival", 1.0),
        ("Categoría: envío", "envío", 1.0),
        ("It is card_arrival", "card_arrival", 0.0),  # with words around it; contains_gold sees it
        ("arrival", "card_arrival", 0.0),
        ("", "card_arrival", 0.0),
        ("+", "+", 1.0),
        ("A)", "a", 1.0),
        ("C++", "C", 0.0),
    ],
)
def test_a_label_is_read_from_the_first_line(said: str, label: str, expected: float) -> None:
    assert label_correct.score(case(label), Answer(said)).value == expected


def test_a_classifier_says_its_label_and_how_sure_it_is() -> None:
    answer = Answer("whatever", label=Label({"a": 0.7, "b": 0.3}))
    assert label_correct.score(case("A"), answer).value == 1.0
    assert label_correct.score(case("b", "a"), answer).value == 1.0
    assert label_correct.score(case("b"), answer).value == 0.0
    assert confidence.score(case("b"), answer).value == pytest.approx(0.7)
    assert confidence.score(case("b"), Answer("b")).value is None
    assert label_correct.score(case(), answer).value is None


# --- extraction ---

GOLD = {"name": "Ana Ruiz", "total": 12.5, "date": "2026-03-01", "items": ["tea", "tea", "milk"], "note": None}


def said(value: Any) -> Answer:
    return Answer(value if isinstance(value, str) else json.dumps(value))


def test_fields_by_hand() -> None:
    """Wanted: name, total, date, three items = 6. Given: name, total, a wrong date, tea, milk = 5. Agree: 4."""
    answer = said({"name": "ana ruiz.", "total": "12.50", "date": "2026-3-1", "items": ["milk", "tea"]})
    gold = case(fields=GOLD)
    assert fields_precision.score(gold, answer).value == pytest.approx(4 / 5)
    assert fields_recall.score(gold, answer).value == pytest.approx(4 / 6)
    assert fields_f1.score(gold, answer).value == pytest.approx(8 / 11)
    assert fields_exact.score(gold, answer).value == 0.0
    assert valid_json.score(gold, answer).value == 0.0  # the total is text


@pytest.mark.parametrize(
    ("gold", "given", "same"),
    [
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": True}, {"a": 1}, False),
        ({"a": "08001"}, {"a": 8001}, False),
        ({"a": "2026-03-01"}, {"a": "20260301"}, False),
        ({"a": {"b": "x"}}, {"b": "x"}, False),
        ({"a": None, "b": "x"}, {"b": "X!", "a": ""}, True),
        ({"a": ["x", "y"]}, {"a": ["y", "x"]}, True),
        ({"a": ["x", "x"]}, {"a": ["x"]}, False),
        ({"p": [{"n": "a", "v": 1}, {"n": "b", "v": 2}]}, {"p": [{"v": 2, "n": "b"}, {"v": 1, "n": "a"}]}, True),
        ({"p": [{"n": "a", "v": 1}, {"n": "b", "v": 2}]}, {"p": [{"n": "a", "v": 2}, {"n": "b", "v": 1}]}, False),
        ({"a": "the +"}, {"a": "+"}, False),
        ({"a": "12,50 euros"}, {"a": "12,50 Euros"}, True),
        ({"a": "12,50 euros"}, {"a": "1250 euros"}, False),
    ],
)
def test_when_two_objects_are_the_same(gold: dict[str, Any], given: dict[str, Any], same: bool) -> None:
    assert fields_exact.score(case(fields=gold), said(given)).value == float(same)


def test_the_object_is_found_among_other_words_but_is_not_valid_json() -> None:
    answer = said('Sure! ```json\n{"a": {"b": 1}}\n``` Anything {else}?')
    gold = case(fields={"a": {"b": 1}})
    assert fields_f1.score(gold, answer).value == 1.0
    assert valid_json.score(gold, answer).value == 0.0
    assert valid_json.score(gold, said({"a": {"b": 3}})).value == 1.0
    assert valid_json.score(gold, said({"a": {"b": None}, "more": 1})).value == 1.0
    assert valid_json.score(gold, said({"a": {}})).why == "a.b is missing"
    assert valid_json.score(case(fields={"a": [1]}), said({"a": ["x"]})).why == "a[] is text, not a number"


def test_no_object_is_wrong_and_no_gold_is_no_verdict() -> None:
    for scorer in (fields_f1, fields_exact, valid_json, fields_recall):
        assert scorer.score(case(fields={"a": 1}), Answer("no idea")).value == 0.0
        assert scorer.score(case("plain"), Answer("{}")).value is None
    assert fields_precision.score(case(fields={"a": 1}), Answer("no idea")).value is None
    assert fields_f1.score(case(fields={"a": None}), Answer("{}")).value == 1.0
    assert fields_f1.score(case(fields={"a": None}), said({"a": "x"})).value == 0.0
    assert fields_f1.score(case('{"a": 1}'), said({"a": 1})).value == 1.0  # an example's answer is the object


# --- search ---


def passage(document: str, n: int = 0) -> Found:
    return Found(Passage(f"{document}{n}", document, document, "x", 0, 1), 1.0)


def test_documents_are_ranked_by_their_best_passage_under_the_names_of_the_case() -> None:
    answer = Answer(ranked=Ranked((passage("docs/b.md"), passage("a.md"), passage("docs/b.md", 1), passage("c.md"))))
    assert ranked_documents(case(relevant={"b.md": 1, "c.md": 1}), answer) == ["b.md", "a.md", "c.md"]
    assert ranked_documents(case(relevant={"b.md": 1}), Answer("b.md")) is None


def test_rankings_by_hand() -> None:
    """Relevant: b (grade 2) at rank 2, c (1) at rank 3, d (1) not found: DCG 2 / log2(3) + 1 / log2(4); the best order
    has 2 + 1 / log2(3) + 1 / log2(4)."""
    gold = case(relevant={"a.md": 0, "b.md": 2, "c.md": 1, "d.md": 1})
    answer = Answer(ranked=Ranked((passage("a.md"), passage("x/b.md"), passage("x/b.md", 1), passage("c.md"))))
    third = 1 / math.log2(3)
    assert ndcg_at_10.score(gold, answer).value == pytest.approx((2 * third + 0.5) / (2 + third + 0.5))
    assert recall_at_10.score(gold, answer).value == pytest.approx(2 / 3)
    assert mrr_at_10.score(gold, answer).value == pytest.approx(1 / 2)
    many = Answer(ranked=Ranked((*(passage(f"{n}.md") for n in range(10)), passage("b.md"))))
    assert [s.score(gold, many).value for s in (ndcg_at_10, recall_at_10, mrr_at_10)] == [0, 0, 0]
    assert recall_at_100.score(gold, many).value == pytest.approx(1 / 3)


def test_a_ranking_without_gold_or_search_is_no_verdict() -> None:
    for scorer in (ndcg_at_10, recall_at_10, recall_at_100, mrr_at_10):
        assert scorer.score(case(relevant={"a.md": 1}), Answer("a.md")).value is None
        assert scorer.score(case(relevant={"a.md": 0}), Answer(ranked=Ranked((passage("a.md"),)))).value is None
        assert scorer.score(case(relevant={"a.md": 1}), Answer(ranked=Ranked(()))).value == 0.0


# --- writing ---

CHECKS = {"include": ["ferry", ["hi", "hello"]], "avoid": ["sorry"], "max_words": 6, "min_words": 2,
          "pattern": r"\d{2}:\d{2}", "not_pattern": "!", "starts_with": "Hello", "ends_with": [".", "?"]}  # fmt: skip


def test_checks_by_hand() -> None:
    """Nine checks. 'hello Ferries leave at 9:30, sorry!' breaks ferry, sorry, \\d{2}:, ! and the end."""
    good = checks.score(case(checks=CHECKS), Answer("hello, the ferry leaves 09:30."))
    assert (good.value, good.why) == (1.0, "")
    bad = checks.score(case(checks=CHECKS), Answer("hello Ferries leave at 9:30, sorry!"))
    assert bad.value == pytest.approx(1 - 5 / 9)
    assert "avoid: sorry" in bad.why
    assert terminology.score(case(checks=CHECKS), Answer("hi sorry")).value == pytest.approx(1 / 3)


def test_checks_without_gold_or_text() -> None:
    assert checks.score(case("a text"), Answer("x")).value is None
    assert checks.score(case(checks={"facts": ["x"]}), Answer("x")).value is None
    assert terminology.score(case(checks={"max_words": 3}), Answer("x")).value is None
    assert checks.score(case(checks={"avoid": ["x"], "max_words": 3}), Answer("  ")).value == 0.0
    assert terminology.score(case(checks={"avoid": ["x"]}), Answer("")).value == 0.0
    assert checks.score(case(checks={"pattern": "("}), Answer("x")).value is None


def test_rouge_l_by_hand() -> None:
    """Lin 2004: 'police killed gunman' against 'police kill gunman': the subsequence police .. gunman, P = R = 2/3."""
    assert rouge_l.score(case("police killed the gunman"), Answer("police kill the gunman")).value == pytest.approx(
        2 / 3
    )
    assert rouge_l.score(case("police killed gunman"), Answer("gunman kill police")).value == pytest.approx(1 / 3)
    best = rouge_l.score(case("nothing", "one two three four"), Answer("one three"))
    assert best.value == pytest.approx(2 * 2 / 6)
    assert rouge_l.score(case("x"), Answer("")).value == 0.0
    assert rouge_l.score(case(), Answer("x")).value is None


def test_common_subsequence_as_the_table_of_it_would_say() -> None:
    def table(one: list[str], other: list[str]) -> int:
        rows = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
        for i, a in enumerate(one):
            for j, b in enumerate(other):
                rows[i + 1][j + 1] = rows[i][j] + 1 if a == b else max(rows[i][j + 1], rows[i + 1][j])
        return rows[-1][-1]

    texts = [list("abcbdab"), list("bdcaba"), list("aaaa"), list("ba"), list("xyxxzxyzx"), []]
    for one in texts:
        for other in texts:
            assert common_subsequence(one, other) == table(one, other)


def test_similarity_is_the_cosine_with_the_nearest_known_answer() -> None:
    score = similarity.build(WordEmbedder())
    assert score(case("red boat", "green tree"), Answer("green tree")).value == pytest.approx(1.0)
    assert score(case("red boat"), Answer("red tree")).value == pytest.approx(0.5, abs=1e-4)  # one word of two each
    assert score(case("red boat"), Answer("")).value == 0.0
    assert score(case(), Answer("x")).value is None


# --- summaries ---


def test_coverage_by_hand() -> None:
    facts = ["20 minutes late", ["30 July", "30/7"], "Ana wrote the report", "blue boat"]
    text = "The ferry was late by 20 minutes. It was on 30/7. The report: Ana wrote it.\nThe boat. Blue sea."
    found = coverage.score(case(checks={"facts": facts}), Answer(text))
    assert found.value == pytest.approx(3 / 4)  # a blue boat stands in no one sentence
    assert found.why == "not said: blue boat"
    assert coverage.score(case("x", checks={"max_words": 3}), Answer("x")).value is None
    assert coverage.score(case(checks={"facts": "yes"}), Answer("")).value == 0.0


def test_short_enough() -> None:
    assert short_enough.score(case(checks={"max_words": 2}), Answer("two words")).value == 1.0
    assert short_enough.score(case(checks={"max_words": 2}), Answer("now three words")).value == 0.0
    assert short_enough.score(case(checks={"max_words": 2}), Answer("")).value is None
    assert short_enough.score(case(), Answer("x")).value is None
