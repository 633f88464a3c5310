"""Documents, passages, and ids that follow from content."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field


def digest(*parts: str | bytes) -> str:
    """sha256 over parts with their lengths, as 64 hex digits: no two lists of parts collide by joining."""
    h = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        h.update(len(data).to_bytes(8, "big"))
        h.update(data)
    return h.hexdigest()


def content_id(prefix: str, *parts: str | bytes) -> str:
    """A readable id that is the same for the same content: 'doc-3f2a…' with 24 hex digits."""
    return f"{prefix}-{digest(*parts)[:24]}"


def content_stems(text: str) -> frozenset[str]:
    """Lower-case words of three letters or more: a language-blind stand-in for content words."""
    return frozenset(re.findall(r"\w{3,}", text.lower()))


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a reader makes of a file.

    pages: offset in `text` where each page starts; empty where the format has none.
    headings: (offset in `text`, level from 1, heading text), in order.
    """

    text: str
    title: str = ""
    pages: tuple[int, ...] = ()
    headings: tuple[tuple[int, int, str], ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """A file as it was read. `name` is what the user calls it (a relative path); the id follows from
    the name and the bytes, so a changed file is a new document under the same name."""

    id: str
    name: str
    title: str
    text: str
    sha256: str
    lang: str
    pages: tuple[int, ...] = ()
    headings: tuple[tuple[int, int, str], ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document: `text` is exactly document.text[start:end].

    page: page of `start`, from 1; None where the format has none.
    heading: the headings above it, joined by ' > '; searched with the text, shown with the source.
    """

    id: str
    document_id: str
    document: str
    text: str
    start: int
    end: int
    page: int | None = None
    heading: str = ""
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that a search returned. Scores: higher is better; None where that search took no part.

    score: the one the order follows; lexical: BM25; dense: cosine.
    """

    passage: Passage
    score: float
    lexical: float | None = None
    dense: float | None = None
