"""Scorers against values worked by hand from their definitions."""

import pytest

from afina import plugins
from afina.domain.answer import Answer, Cited
from afina.domain.document import Found, Passage
from afina.domain.example import Case
from afina.evaluation.scorers import (
    answered,
    citation_precision,
    citation_recall,
    contains_gold,
    correct,
    exact_match,
    gold_in_prompt,
    token_f1,
    withheld,
)
from afina.evaluation.scorers._words import contains, normalised, words
from afina.testing.fakes import WordEmbedder


def case(*answers: str, lang: str = "en", document: str = "", span: str = "") -> Case:
    return Case("c", "?", answers, document=document, span=span, lang=lang)


@pytest.mark.parametrize(
    ("text", "lang", "expected"),
    [
        ("The  Eiffel Tower!", "en", "eiffel tower"),
        ("An apple, a day", "en", "apple day"),
        ("¿La casa de los «abuelos»?", "es", "casa de abuelos"),
        ("la casa", "en", "la casa"),
        ("theatre", "en", "theatre"),
        ("e\u0301l", "es", "él"),
        ("os.path.join()", "en", "ospathjoin"),
    ],
)
def test_normalisation(text: str, lang: str, expected: str) -> None:
    assert normalised(text, lang) == expected


@pytest.mark.parametrize(
    ("text", "golds", "expected"),
    [
        ("the Denver Broncos.", ("Denver Broncos",), 1.0),
        ("Denver", ("Denver Broncos", "Denver"), 1.0),
        ("It was Denver", ("Denver",), 0.0),
    ],
)
def test_exact_match(text: str, golds: tuple[str, ...], expected: float) -> None:
    assert exact_match.score(case(*golds), Answer(text)).value == expected


@pytest.mark.parametrize(
    ("text", "golds", "expected"),
    [
        ("Denver Broncos", ("Denver Broncos",), 1.0),
        ("the Broncos won", ("Denver Broncos",), 0.5),  # 1 of 2 given words, 1 of 2 gold: P = R = 1/2
        ("a b b", ("b b c",), 0.8),  # 'a' is an article: given b b, gold b b c: P = 1, R = 2/3
        ("nothing", ("else", "nothing at all"), 0.5),  # best of 0 and P = 1, R = 1/3
        ("", ("else",), 0.0),
        ("the", ("a",), 0.0),  # both empty once normalised, but not the same
    ],
)
def test_token_f1(text: str, golds: tuple[str, ...], expected: float) -> None:
    assert token_f1.score(case(*golds), Answer(text)).value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "gold", "expected"),
    [
        ("Use asyncio.run(main()) for that.", "asyncio.run", 1.0),
        ("It is 3.5 seconds", "5", 0.0),
        ("It is 5, seconds", "5", 1.0),
        ("Python 3.11", "3.1", 0.0),
        ("the 2015 season", "15", 0.0),
        ("in the year of the dog", "year of dog", 1.0),
        ("anything", "...", 0.0),
    ],
)
def test_contains_gold(text: str, gold: str, expected: float) -> None:
    assert contains_gold.score(case(gold), Answer(text)).value == expected


@pytest.mark.parametrize(
    ("text", "gold", "expected"),
    [
        ("A", "A", 1.0),
        (" a\n", "A", 1.0),
        ("B", "A", 0.0),
        ("the", "A", 0.0),
        ("", "A", 0.0),
        ("+", "+", 1.0),
        ("-", "+", 0.0),
        ("%", "%", 1.0),
        ("", "%", 0.0),
        ("", "", 0.0),
        ("x", "", 0.0),
    ],
)
def test_gold_that_normalising_empties_is_compared_as_written(text: str, gold: str, expected: float) -> None:
    for scorer in (exact_match, token_f1, contains_gold, correct):
        assert scorer.score(case(gold), Answer(text)).value == expected, scorer.__name__


def test_an_article_among_other_gold_hides_nothing() -> None:
    for scorer in (exact_match, token_f1, contains_gold, correct):
        assert scorer.score(case("A", "first"), Answer("the first")).value == 1.0, scorer.__name__


def test_words_keep_numbers_whole() -> None:
    assert words("El precio: 1.250,50 €", "es") == ["precio", "1.250,50"]
    assert not contains(["a"], [])


@pytest.mark.parametrize(
    ("golds", "text", "right", "was_answered", "was_withheld"),
    [
        (("30 s",), "It is 30 s.", 1.0, 1.0, None),
        (("30 s",), "It is 40 s.", 0.0, 1.0, None),
        (("30 s",), "Not in the documents", 0.0, 0.0, None),
        (("documents",), "Not in the documents", 0.0, 0.0, None),  # holds the gold word, but abstains
        ((), "Not in the documents.", 1.0, 0.0, 1.0),
        ((), "It is 30 s.", 0.0, 1.0, 0.0),
        ((), "", 0.0, 0.0, 1.0),
    ],
)
def test_abstaining(
    golds: tuple[str, ...], text: str, right: float, was_answered: float, was_withheld: float | None
) -> None:
    assert correct.score(case(*golds), Answer(text)).value == right
    assert answered.score(case(*golds), Answer(text)).value == was_answered
    assert withheld.score(case(*golds), Answer(text)).value == was_withheld


def test_spanish_abstention_counts() -> None:
    assert correct.score(case(lang="es"), Answer("No está en los documentos")).value == 1.0


def test_no_answer_is_no_verdict() -> None:
    for scorer in (exact_match, token_f1, contains_gold):
        assert scorer.score(case(), Answer("x")).value is None


def found(document: str, text: str) -> Found:
    return Found(Passage(f"p-{document}", "d", document, text, 0, len(text)), 1.0)


GUIDE = "Keep it cold. Open it within\nthree days."
CITED = case("three days", document="guide.md", span="within three days")


def answer(*citations: Cited) -> Answer:
    return Answer("Three days. Cold.", sources=(found("other.md", "within three days"), found("docs/guide.md", GUIDE)),
                  citations=citations)  # fmt: skip


def test_citations_against_the_gold_span() -> None:
    start = GUIDE.index("Open")
    right = Cited(0, 11, 2, quote_start=start, quote_end=len(GUIDE))
    beside = Cited(12, 17, 2, quote_start=0, quote_end=13)  # right document, another sentence
    elsewhere = Cited(0, 11, 1, quote_start=0, quote_end=17)  # the same words in another document
    unsupported = Cited(12, 17, None)
    cited = answer(right, beside, elsewhere, unsupported)
    assert citation_precision.score(CITED, cited).value == pytest.approx(1 / 3)
    assert citation_recall.score(CITED, cited).value == 1.0
    assert citation_recall.score(CITED, answer(beside)).value == 0.0
    assert citation_precision.score(CITED, answer(unsupported)).value is None
    assert gold_in_prompt.score(CITED, cited).value == 1.0


def test_citations_without_sources_or_gold_are_no_verdict() -> None:
    for scorer in (citation_precision, citation_recall, gold_in_prompt):
        assert scorer.score(CITED, Answer("Three days")).value is None
        assert scorer.score(case("x"), answer(Cited(0, 1, 1))).value is None


def test_every_scorer_is_found_by_its_file() -> None:
    names = plugins.known("evaluation.scorers")
    assert {"correct", "exact_match", "token_f1", "contains_gold", "answered", "withheld"} <= set(names)
    for name in names:
        module = plugins.load("evaluation.scorers", name)
        score = module.score if hasattr(module, "score") else module.build(WordEmbedder())
        scored = score(case("x"), Answer("x"))
        assert scored.value is None or 0 <= scored.value <= 1
