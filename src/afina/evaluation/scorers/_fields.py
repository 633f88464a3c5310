"""Extracted objects made comparable: the leaves of nested values by path, lists as multisets.

A leaf is compared by its kind: numbers as numbers (also where the answer writes them as text), what looks like a date,
a time or a code as written but for case, other text by its `_words.words`. Null, "" and empty lists and
objects say that there is nothing, as a missing key does.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._words import words

Leaf = tuple[str, str]
"""(path, value): ('parties[].name', 'ana ruiz')."""

_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d+)?")
_AS_WRITTEN = re.compile(r"\S*\d\S*")
"""Text in one piece that holds a digit: dates, times, codes. Punctuation tells them apart, so it stays."""


def wanted(case: Case) -> Mapping[str, Any] | None:
    """The object that a case wants: its fields, else the first of its answers that is a JSON object; None if none."""
    if case.fields:
        return case.fields
    found = (strict(answer) for answer in case.answers)
    return next((value for value in found if value is not None), None)


def strict(text: str) -> Mapping[str, Any] | None:
    """The object that a text is, as a parser would read it; None if it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def given(answer: Answer) -> Mapping[str, Any] | None:
    """The first whole object that stands in an answer, whatever is around it; None if there is none."""
    whole = strict(answer.text)
    if whole is not None:
        return whole
    decoder = json.JSONDecoder()
    for found in re.finditer(r"\{", answer.text):
        try:
            value, _ = decoder.raw_decode(answer.text, found.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return None


def leaves(value: Any, lang: str) -> Counter[Leaf]:
    return Counter(_leaves(value, "", lang))


def comparable(value: Any, lang: str) -> Any:
    """A value as nested tuples that are equal where two values are: keys and items in no order, nothing left out."""
    if isinstance(value, Mapping):
        inner = {str(name): comparable(one, lang) for name, one in value.items()}
        return tuple(sorted((name, one) for name, one in inner.items() if one != ()))
    if isinstance(value, list | tuple):
        return tuple(sorted((one for one in (comparable(v, lang) for v in value) if one != ()), key=repr))
    return () if value is None or value == "" else _leaf(value, lang)


def common(case: Case, answer: Answer) -> tuple[int, int, int] | None:
    """(leaves that agree, given, wanted); None where the case wants no object. No object in the answer gives none."""
    gold = wanted(case)
    if gold is None:
        return None
    right, said = leaves(gold, case.lang), leaves(given(answer) or {}, case.lang)
    return (right & said).total(), said.total(), right.total()


def _leaves(value: Any, path: str, lang: str) -> Iterator[Leaf]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name), lang)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, f"{path}[]", lang)
    elif value is not None and value != "":
        yield path, _leaf(value, lang)


def _leaf(value: Any, lang: str) -> str:
    if isinstance(value, bool):
        return f"bool {value}"
    text = str(value).strip()
    if isinstance(value, int | float) or _NUMBER.fullmatch(text):
        return f"number {float(text):.12g}"
    if _AS_WRITTEN.fullmatch(text):
        return text.casefold()
    return " ".join(words(text, lang)) or text.casefold()
