"""The sample data of every template and language: enough of it, true to its documents, held out from its examples."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from afina.actions.new import labels_in
from afina.domain.abstention import NOT_FOUND, abstains
from afina.domain.example import Case, Example
from afina.domain.message import Message
from afina.evaluation.cases import load_cases
from afina.evaluation.overlap import overlap
from afina.knowledge.language import language_of
from afina.knowledge.terms import terms
from afina.tuning.data import load_examples

ROOT = Path(__file__).parents[2] / "src" / "afina" / "templates"
PLACES = sorted(path.parent for path in ROOT.glob("*/*/cases.jsonl"))
DOCUMENTED = [place for place in PLACES if (place / "documents").is_dir()]
LABELLED = [place for place in PLACES if place not in DOCUMENTED]
PARAPHRASED = "-p"


def name_of(place: Path) -> str:
    return f"{place.parent.name}-{place.name}"


def every(places: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("place", places, ids=name_of)


def cases_of(place: Path) -> list[Case]:
    return load_cases(place / "cases.jsonl")


def examples_of(place: Path) -> list[Example]:
    if place in DOCUMENTED:
        return load_examples(place / "examples.jsonl")
    rows = load_cases(place / "examples.jsonl")
    return [Example(r.id, (Message("user", r.question), Message("assistant", r.answers[0]))) for r in rows]


def proper_names(question: str, lang: str) -> set[str]:
    """Stems of words with a capital letter that do not begin a sentence."""
    words = re.findall(r"(?<=[\w,;:] )[^\W\d_a-z][\w'’-]*", question)
    return {stem for word in words if word[0].isupper() for stem in terms(word, lang)}


def shares_a_content_stem(case: Case) -> bool:
    asked = set(terms(case.question, case.lang)) - proper_names(case.question, case.lang)
    return bool(asked & set(terms(case.span, case.lang)))


def test_there_are_templates() -> None:
    assert DOCUMENTED
    assert LABELLED


@every(PLACES)
def test_there_is_enough_and_every_row_has_a_name_of_its_own(place: Path) -> None:
    cases, examples = cases_of(place), examples_of(place)
    assert len(cases) >= 100
    assert len(examples) >= 100
    ids = [*(case.id for case in cases), *(example.id for example in examples)]
    assert len(set(ids)) == len(ids)
    asked = Counter([*(case.question for case in cases), *(example.question for example in examples)])
    assert [question for question, times in asked.items() if times > 1] == []


@every(PLACES)
def test_nothing_that_is_measured_is_shown(place: Path) -> None:
    found, _ = overlap(examples_of(place), cases_of(place))
    assert (found.exact, found.near) == ((), ())


@every(PLACES)
def test_the_language_is_the_folder_s(place: Path) -> None:
    assert {case.lang for case in cases_of(place)} == {place.name}
    for rows in (cases_of(place), examples_of(place)):
        assert language_of(" ".join(row.question for row in rows)) == place.name
    for page in (place / "documents").glob("*.md"):
        assert language_of(page.read_text(encoding="utf-8")) == place.name, page.name


@every(PLACES)
def test_the_readme_says_how_much_there_is(place: Path) -> None:
    said = set(re.findall(r"\d+", (place.parent / f"README.{place.name}.md").read_text(encoding="utf-8")))
    for rows in (cases_of(place), examples_of(place)):
        assert str(len(rows)) in said


# --- questions about documents -----------------------------------------------------------------------


@every(DOCUMENTED)
def test_every_span_stands_in_its_document_word_for_word(place: Path) -> None:
    pages = {page.name: page.read_text(encoding="utf-8") for page in (place / "documents").iterdir()}
    for case in cases_of(place):
        assert case.group in pages, case.id
        assert bool(case.span) == bool(case.document) == case.answerable, case.id
        assert not case.answerable or case.span in pages[case.document], case.id
    assert {case.document for case in cases_of(place)} >= set(pages)


@every(DOCUMENTED)
def test_known_answers_are_short(place: Path) -> None:
    long = [a for case in cases_of(place) for a in case.answers[:1] if len(a.split()) > 7]
    long += [e.answer for e in examples_of(place) if len(e.answer.split()) > 7]
    assert long == []


@every(DOCUMENTED)
def test_a_fifth_cannot_be_answered(place: Path) -> None:
    cases = cases_of(place)
    assert 5 * sum(not case.answerable for case in cases) >= len(cases)


@every(DOCUMENTED)
def test_a_third_is_asked_in_other_words(place: Path) -> None:
    answerable = [case for case in cases_of(place) if case.answerable]
    others = [case for case in answerable if case.id.endswith(PARAPHRASED)]
    assert 3 * len(others) >= len(answerable)
    assert [case.id for case in others if shares_a_content_stem(case)] == []


@every(DOCUMENTED)
def test_some_examples_abstain_in_the_words_that_are_asked_for(place: Path) -> None:
    answers = [example.answer for example in examples_of(place)]
    abstaining = [answer for answer in answers if abstains(answer)]
    assert set(abstaining) == {NOT_FOUND[place.name]}
    assert 0.1 <= len(abstaining) / len(answers) <= 0.2


@every(DOCUMENTED)
def test_documents_are_pages_that_one_reads(place: Path) -> None:
    pages = list((place / "documents").iterdir())
    assert 20 <= len(pages) <= 28
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith("# "), page.name
        assert 120 <= len(text.split()) <= 450, page.name
    assert {example.group for example in examples_of(place)} <= {page.name for page in pages}


# --- labelled rows -------------------------------------------------------------------------------------


@every(LABELLED)
def test_every_label_is_learnt_and_measured(place: Path) -> None:
    measured = Counter(case.answers[0] for case in cases_of(place))
    assert set(measured) == {example.answer for example in examples_of(place)} == set(labels_in(place / "cases.jsonl"))
    assert len(measured) >= 2
    assert min(measured.values()) >= 8


@every(LABELLED)
def test_labelled_rows_have_four_fields(place: Path) -> None:
    for file in ("cases.jsonl", "examples.jsonl"):
        for line in (place / file).read_text(encoding="utf-8").splitlines():
            assert set(json.loads(line)) == {"id", "text", "label", "lang"}
