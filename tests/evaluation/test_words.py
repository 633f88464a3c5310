"""Languages say the same things, with the same places to fill in; numbers are spelt as each language does."""

import string

import pytest

from afina import plugins
from afina.errors import BadRequest
from afina.evaluation.show.words import languages, words

OTHERS = [lang for lang in languages() if lang != "en"]


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_english_and_spanish_are_spoken() -> None:
    assert {"en", "es"} <= set(languages())


@pytest.mark.parametrize("lang", OTHERS)
def test_every_language_has_the_same_keys_and_places(lang: str) -> None:
    english, other = words("en").texts, words(lang).texts
    assert set(english) == set(other)
    for key, text in english.items():
        assert places(text) == places(other[key]), key


def test_no_text_is_empty_and_no_short_name_is_long() -> None:
    for lang in languages():
        for key, text in words(lang).texts.items():
            assert text, key
            assert not key.endswith(".short") or len(text) <= 21, key


@pytest.mark.parametrize("lang", sorted(languages()))
def test_every_scorer_and_task_is_explained(lang: str) -> None:
    w = words(lang)
    for name in plugins.known("evaluation.scorers"):
        assert f"metric.{name}.meaning" in w.texts, name
    for name in plugins.known("evaluation.tasks"):
        assert f"right.{name}" in w.texts, name
        task = plugins.load("evaluation.tasks", name).TASK
        for figure in (*task.setwise, *task.shown):
            assert f"metric.{figure}.short" in w.texts, figure
        for arm in task.arms:
            assert w.arm(arm, name, "") != "", arm


def test_an_unknown_language_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadRequest, match=r'do not speak "eng".*en'):
        words("eng")


@pytest.mark.parametrize(
    ("lang", "value", "places", "said"),
    [("en", 1234.56, 1, "1,234.6"), ("es", 1234.56, 1, "1234,6"), ("es", 12345.6, 0, "12\u00a0346"),
     ("en", -0.04, 1, "0.0"), ("es", -1234567.0, 0, "-1\u00a0234\u00a0567"), ("en", 2.0, 2, "2.00")],
)  # fmt: skip
def test_numbers(lang: str, value: float, places: int, said: str) -> None:
    assert words(lang).fixed(value, places) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.01234, "0.0123"), (1.234, "1.23"), (123.4, "123"), (12345.6, "12,346"), (0, "0"), (99.96, "100.0")]
)  # fmt: skip
def test_three_digits_count(value: float, said: str) -> None:
    assert words("en").figure(value) == said


def test_signs_are_kept_and_a_rounded_nothing_has_none_of_less() -> None:
    assert words("en").points(0.0214, sign=True) == "+2.1"
    assert words("es").points(-0.0214, sign=True) == "-2,1"
    assert words("en").points(-0.0001, sign=True) == "+0.0"


def test_a_set_of_mechanisms_is_told_by_its_parts() -> None:
    w = words("en")
    assert w.arm("tuned", "answer", "") == "with the adapter, without passages"
    assert w.arm("tuned+nearest+knowledge", "answer", "") == (
        "with the adapter, the demonstrations that are most like the case and passages found in the documents"
    )
    assert w.arm("base", "search", "") == "search by words (BM25)"
    assert w.arm("support", "answer", "recipe") == "a recipe, measured as it is"
    assert w.arm("support", "answer", "our own") == "our own"


def test_outside_names_go_by_themselves() -> None:
    w = words("es")
    assert (w.metric("house_style"), w.meaning("house_style"), w.setting("of_mine")) == ("house_style",) * 2 + (
        "of mine",
    )
