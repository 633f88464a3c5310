"""A document as passages of at most so many tokens: by headings, then paragraphs, then sentences, then words.

Every character but the space between passages stands in exactly one passage, and passage.text is exactly
document.text[start:end]. A passage never crosses a heading, except that a heading with nothing under it joins the next.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from afina.domain.document import Document, Passage, content_id
from afina.knowledge.sentences import Span, sentences

Count = Callable[[str], int]
MOST_HEADING_CHARS = 200
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_WORD = re.compile(r"\S+")


class Options(BaseModel):
    """tokens: the most a passage may have with the headings above it, as the collection's embedder counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: int = Field(default=200, ge=16, le=8192)


@dataclass(frozen=True, slots=True)
class Section:
    """text[start:end] stands under `heading`, the headings above it joined by ' > '."""

    start: int
    end: int
    heading: str


def split(document: Document, *, count: Count, options: Options | None = None) -> list[Passage]:
    """The passages of a document, in order. count: tokens of a text.

    The budget holds for the text with its heading, unless the heading alone takes more than half of it.
    """
    most = (options or Options()).tokens
    passages = []
    for section in sections(document):
        above = count(section.heading) if section.heading else 0
        for start, end in _pieces(document.text, section, count, max(most - above, most // 2)):
            passages.append(_passage(document, start, end, section.heading))
    return passages


def spans(text: str, *, count: Count, most: int) -> list[Span]:
    """(start, end) of parts of a text of at most `most` tokens, at paragraphs, sentences or words; see above."""
    return list(_pieces(text, Section(0, len(text), ""), count, most))


def searched(passage: Passage) -> str:
    """What both searches read of a passage: its headings, then its text."""
    return f"{passage.heading}\n{passage.text}" if passage.heading else passage.text


def sections(document: Document) -> Iterator[Section]:
    """Parts of the text by heading, in order, together all of it."""
    marks = [(at, level, words) for at, level, words in document.headings if 0 <= at < len(document.text)]
    path: list[tuple[int, str]] = [(0, document.title)] if document.title else []
    start = 0
    for n, (at, level, words) in enumerate(marks):
        if n == 0 and document.text[:at].strip():
            yield Section(0, at, _joined(path))
            start = at
        while path and path[-1][0] >= level:
            path.pop()
        if not (len(path) == 1 and path[0][1] == words):
            path.append((level, words))
        end = marks[n + 1][0] if n + 1 < len(marks) else len(document.text)
        bare = len("".join(document.text[at:end].split())) <= len("".join(words.split())) + level + 2
        if not bare or n + 1 == len(marks):
            yield Section(start, end, _joined(path))
            start = end
    if not marks:
        yield Section(0, len(document.text), _joined(path))


def _joined(path: Sequence[tuple[int, str]]) -> str:
    """The nearest headings that fit, the outermost first."""
    kept: list[str] = []
    for _, words in reversed(path):
        if kept and len(" > ".join([words, *kept])) > MOST_HEADING_CHARS:
            break
        kept.insert(0, words[:MOST_HEADING_CHARS])
    return " > ".join(kept)


def _pieces(text: str, section: Section, count: Count, most: int) -> Iterator[Span]:
    """Spans of at most `most` tokens: as many units together as fit."""
    overhead = count("")
    held: list[Span] = []
    tokens = overhead
    for start, end in _units(text, section.start, section.end, count, most):
        cost = count(text[start:end]) - overhead
        if held and (tokens + cost > most or count(text[held[0][0] : end]) > most):
            yield held[0][0], held[-1][1]
            held, tokens = [], overhead
        held.append((start, end))
        tokens += cost
    if held:
        yield held[0][0], held[-1][1]


def _units(text: str, start: int, end: int, count: Count, most: int) -> Iterator[Span]:
    """Paragraphs; sentences of those too long; words of sentences too long; characters of words too long."""
    for paragraph in _parts(text, start, end, _PARAGRAPH):
        if count(text[slice(*paragraph)]) <= most:
            yield paragraph
            continue
        for first, last in sentences(text[slice(*paragraph)]):
            sentence = (paragraph[0] + first, paragraph[0] + last)
            if count(text[slice(*sentence)]) <= most:
                yield sentence
            else:
                yield from _words(text, sentence, count, most)


def _words(text: str, span: Span, count: Count, most: int) -> Iterator[Span]:
    for found in _WORD.finditer(text, *span):
        if count(found[0]) <= most:
            yield found.span()
        else:
            yield from _halves(text, found.span(), count, most)


def _halves(text: str, span: Span, count: Count, most: int) -> Iterator[Span]:
    start, end = span
    if end - start <= 1 or count(text[start:end]) <= most:
        yield span
        return
    middle = (start + end) // 2
    yield from _halves(text, (start, middle), count, most)
    yield from _halves(text, (middle, end), count, most)


def _parts(text: str, start: int, end: int, border: re.Pattern[str]) -> Iterator[Span]:
    """What stands between borders, without the space around it."""
    at = start
    for found in border.finditer(text, start, end):
        yield from _trimmed(text, at, found.start())
        at = found.end()
    yield from _trimmed(text, at, end)


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    part = text[start:end]
    if part.strip():
        left = start + len(part) - len(part.lstrip())
        yield left, left + len(part.strip())


def _passage(document: Document, start: int, end: int, heading: str) -> Passage:
    return Passage(
        id=content_id("psg", document.id, str(start), str(end), heading),
        document_id=document.id,
        document=document.name,
        text=document.text[start:end],
        start=start,
        end=end,
        page=bisect_right(document.pages, start) or None if document.pages else None,
        heading=heading,
        lang=document.lang,
    )
