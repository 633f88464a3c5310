"""The demo's cases: true of this Python, apart from the tuning part, varied enough, and honest about paraphrase."""

from collections import Counter
from dataclasses import replace
from importlib.resources import files

import pytest

from afina.demo import stdlib
from afina.demo.cases import cases, check, section_of, shared_stems, stems
from afina.domain.abstention import abstains
from afina.domain.example import Case
from afina.evaluation.scorers._words import contains, normalised, words

ENGLISH, SPANISH = cases("cases.jsonl"), cases("casos_es.jsonl")


@pytest.fixture(scope="module")
def library() -> dict[str, str]:
    return {f"{name}.md": text for name, text in stdlib.documents()}


@pytest.fixture(scope="module")
def handbook() -> dict[str, str]:
    pages = (files("afina.demo") / "handbook_es").iterdir()
    return {page.name: page.read_text(encoding="utf-8") for page in pages}


def answerable(found: list[Case]) -> list[Case]:
    return [c for c in found if c.answerable]


def test_at_least_150_cases_hold_on_this_python(library: dict[str, str]) -> None:
    checked = check(ENGLISH, library)
    assert len(checked.kept) >= 150, checked.dropped
    assert len(checked.kept) + len(checked.dropped) == len(ENGLISH)


def test_no_case_is_about_a_module_of_the_tuning_part() -> None:
    assert {stdlib.part(c.group) for c in ENGLISH} == {"held_out"}
    assert all(c.document in ("", f"{c.group}.md") for c in ENGLISH)
    assert len({c.group for c in answerable(ENGLISH)}) >= 40


def test_a_span_that_is_not_there_drops_the_case_and_says_why(library: dict[str, str]) -> None:
    gone = replace(answerable(ENGLISH)[0], span="words that no Python ever said")
    lost = replace(answerable(ENGLISH)[1], document="asyncore.md")
    checked = check([gone, lost, *ENGLISH[2:4]], library)
    assert [id for id, _ in checked.dropped] == [gone.id, lost.id]
    assert "not in this version" in checked.dropped[0][1]
    assert "no such document" in checked.dropped[1][1]


def test_every_spanish_span_stands_once_in_its_page(handbook: dict[str, str]) -> None:
    assert len(SPANISH) == 40
    assert all(handbook[c.document].count(c.span) == 1 for c in answerable(SPANISH))
    assert 5_000 <= sum(len(text.split()) for text in handbook.values()) <= 7_000
    assert 8 <= len(handbook) <= 12


@pytest.mark.parametrize("found", [ENGLISH, SPANISH], ids=["en", "es"])
def test_ids_questions_languages_and_forms(found: list[Case]) -> None:
    assert len({c.id for c in found}) == len({c.question for c in found}) == len(found)
    assert all(c.question.endswith("?") and c.group and c.lang for c in found)
    assert all(c.id.endswith("-u") == (not c.answerable) for c in found)
    assert all(not any(abstains(a) for a in c.answers) for c in found)
    assert all(len(a.split()) <= 12 for c in found for a in c.answers)


@pytest.mark.parametrize("found", [ENGLISH, SPANISH], ids=["en", "es"])
def test_a_fifth_cannot_be_answered_and_a_third_of_the_rest_is_paraphrased(found: list[Case]) -> None:
    kinds = Counter(c.id[-1] if c.id[-2:] in ("-p", "-u") else "v" for c in found)
    assert 0.19 <= kinds["u"] / len(found) <= 0.22
    assert kinds["p"] / (len(found) - kinds["u"]) >= 1 / 3


def test_paraphrased_questions_share_no_content_stem_with_the_section_but_its_name(
    library: dict[str, str], handbook: dict[str, str]
) -> None:
    pages = library | handbook
    checked = check(ENGLISH + SPANISH, pages).kept
    shared = {c.id: shared_stems(c, pages[c.document]) for c in checked if c.id.endswith("-p")}
    assert not {id: words for id, words in shared.items() if words}
    others = [c for c in checked if c.answerable and not c.id.endswith("-p")]
    assert sum(bool(shared_stems(c, pages[c.document])) for c in others) > 0.9 * len(others)


def test_the_section_of_a_span_holds_an_answer(library: dict[str, str], handbook: dict[str, str]) -> None:
    pages = library | handbook
    for case in check(answerable(ENGLISH) + answerable(SPANISH), pages).kept:
        heading, body = section_of(pages[case.document], case.span)
        section = f"{heading} {body}".lower()
        assert any(a.lower() in section for a in case.answers), case.id


def test_no_question_gives_its_answer_away_and_no_answer_is_only_signs() -> None:
    for case in ENGLISH + SPANISH:
        asked = words(case.question, case.lang)
        assert all(normalised(a, case.lang) and words(a, case.lang) for a in case.answers), case.id
        assert not any(contains(asked, words(a, case.lang)) for a in case.answers), case.id


def test_stems_split_names_into_their_words() -> None:
    assert stems("HTTPResponse.geturl of a TopologicalSorter", "en") >= {
        "http",
        "respons",
        "geturl",
        "topolog",
        "sorter",
    }
    assert stems("¿Cuántos contratos?", "es") == {"contrat"}
