"""What a text must obey, as the `checks` of a case say it: each term is one check.

| key | what the text must do |
|---|---|
| include | hold each of these words or phrases; a list inside the list: any of them |
| avoid | hold none of these words or phrases |
| max_words, min_words | have at most, at least so many words (by white space) |
| pattern, not_pattern | match, not match each of these regular expressions somewhere |
| starts_with, ends_with | begin, end with one of these texts, however they are written large or small |
| facts | (for `coverage` only) state each of these; a list inside the list: any way of saying it |

A text may stand where a list of one is meant.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from afina.evaluation.scorers._words import contains, words

TERMS = ("include", "avoid")
KEYS = (*TERMS, "max_words", "min_words", "pattern", "not_pattern", "starts_with", "ends_with", "facts")


@dataclass(frozen=True, slots=True)
class Checked:
    """One check: whose key, what was asked, whether the text obeys."""

    key: str
    what: str
    obeyed: bool

    @property
    def is_term(self) -> bool:
        return self.key in TERMS


def checked(checks: Mapping[str, Any], text: str, lang: str = "en") -> Iterator[Checked]:
    """Every check of a text, in the order of KEYS. Raises re.error for a pattern that is none."""
    for key, obeys in _OBEYS.items():
        if key not in checks:
            continue
        value = checks[key]
        asked = [_texts(value)] if key in ("starts_with", "ends_with") else _listed(value)
        for one in asked:
            yield Checked(key, _shown(one), obeys(text, one, lang))


def fault(key: str, value: Any) -> str:
    """Why a check cannot be one; '' if it can."""
    if key in ("max_words", "min_words"):
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return "" if whole else f"{value!r} is not a number of words"
    nested = key in ("include", "facts")
    if not all(
        _says(one) or (nested and isinstance(one, list) and one and all(map(_says, one))) for one in _listed(value)
    ):
        return f"{value!r} is not text that says something, nor a list of it"
    for pattern in _listed(value) if key in ("pattern", "not_pattern") else ():
        try:
            re.compile(pattern)
        except re.error as error:
            return f"{pattern!r} is not a regular expression: {error}"
    return ""


def alternatives(term: Any) -> list[str]:
    """The ways of saying one term."""
    return _texts(term)


def _holds(text: str, term: Any, lang: str) -> bool:
    return any(_stands(text, way, lang) for way in _texts(term))


def _stands(text: str, way: str, lang: str) -> bool:
    """Word for word; what has no words ("!", "€") letter for letter."""
    wanted = words(way, lang)
    return contains(words(text, lang), wanted) if wanted else way.strip() in text


def _count(text: str) -> int:
    return len(text.split())


def _begins(text: str, ways: Sequence[str], lang: str) -> bool:
    return text.strip().casefold().startswith(tuple(way.strip().casefold() for way in ways))


def _ends(text: str, ways: Sequence[str], lang: str) -> bool:
    return text.strip().casefold().endswith(tuple(way.strip().casefold() for way in ways))


_OBEYS: Mapping[str, Callable[[str, Any, str], bool]] = {
    "include": _holds,
    "avoid": lambda text, term, lang: not _holds(text, term, lang),
    "max_words": lambda text, most, lang: _count(text) <= most,
    "min_words": lambda text, least, lang: _count(text) >= least,
    "pattern": lambda text, pattern, lang: bool(re.search(pattern, text)),
    "not_pattern": lambda text, pattern, lang: not re.search(pattern, text),
    "starts_with": _begins,
    "ends_with": _ends,
}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _texts(term: Any) -> list[str]:
    return [str(way) for way in _listed(term)]


def _says(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _shown(one: Any) -> str:
    return " or ".join(_texts(one))
