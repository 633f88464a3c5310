"""What training rows and test cases share: whole questions, or eight words in a row."""

import re
from collections.abc import Iterable, Sequence

from afina.domain.example import Case, Example
from afina.domain.report import Overlap

GRAM = 8
_WORD = re.compile(r"\w+")


def overlap(rows: Sequence[Example], cases: Sequence[Case]) -> tuple[Overlap, frozenset[str]]:
    """(ids of the cases that were found in rows, ids of those rows).

    exact: the question is one of a row, but for case and punctuation. near: a row holds eight neighbouring words of
    the question or of the gold span. Shorter texts can only be found whole. System messages are left out: the
    instruction is the same for all.
    """
    asked = [(case, _words(case.question), [_words(case.question), _words(case.span)]) for case in cases]
    whole = {tuple(question): case.id for case, question, _ in asked if question}
    grams: dict[tuple[str, ...], set[str]] = {}
    for case, _, texts in asked:
        for gram in {g for text in texts for g in _grams(text)}:
            grams.setdefault(gram, set()).add(case.id)
    exact: dict[str, None] = {}
    near: dict[str, None] = {}
    touched: set[str] = set()
    for row in rows:
        same = whole.get(tuple(_words(_last_line(row.question)))) or whole.get(tuple(_words(row.question)))
        shared = {case for text in _texts(row) for g in _grams(_words(text)) for case in grams.get(g, ())}
        if same:
            exact[same] = None
        near.update(dict.fromkeys(sorted(shared)))
        if same or shared:
            touched.add(row.id)
    near_only = tuple(case for case in near if case not in exact)
    return Overlap(rows=len(rows), exact=tuple(exact), near=near_only), frozenset(touched)


def asked_in(texts: Iterable[str], cases: Sequence[Case]) -> tuple[str, ...]:
    """Ids of the cases whose question shares eight words in a row with one of the texts: what is asked stands there
    already, as in a list of questions and answers."""
    grams: dict[tuple[str, ...], list[str]] = {}
    for case in cases:
        for gram in _grams(_words(case.question)):
            grams.setdefault(gram, []).append(case.id)
    found = {case for text in texts for gram in _grams(_words(text)) for case in grams.get(gram, ())}
    return tuple(case.id for case in cases if case.id in found)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _grams(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + GRAM]) for i in range(len(words) - GRAM + 1)}


def _last_line(text: str) -> str:
    """The question below the sources: 'Question: ...' without its label, in any language."""
    last = text.strip().rpartition("\n")[2]
    label, colon, rest = last.partition(": ")
    return rest if colon and " " not in label else last


def _texts(row: Example) -> list[str]:
    return [m.content for m in row.messages if m.role != "system"]
