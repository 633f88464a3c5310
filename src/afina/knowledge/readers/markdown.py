"""Markdown as it was written, marks included; headings are those of the document, not those inside code."""

import re
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from afina.domain.document import Parsed
from afina.knowledge.readers._plain import decoded

SUFFIXES = (".md", ".markdown", ".mdown")
_FRONT = re.compile(r"\A---\n(.*?)\n(?:---|\.\.\.)\n", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE)


def read(data: bytes, name: str, /) -> Parsed:
    text = decoded(data)
    front = _FRONT.match(text)
    body_start = front.end() if front else 0
    headings = _headings(text, body_start)
    said = _FRONT_TITLE.search(front[1]) if front else None
    first = next((heading for _, level, heading in headings if level == 1), "")
    return Parsed(text, title=said[1] if said else first, headings=tuple(headings))


def _headings(text: str, body_start: int) -> list[tuple[int, int, str]]:
    """Those at the top level of the document, lists and quotes included; each where its line starts, marks and all."""
    starts = [body_start]
    for line in text[body_start:].split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    tokens = MarkdownIt("commonmark").parse(text[body_start:])
    found = []
    for opening, inline in pairwise(tokens):
        words = _words(inline)
        if opening.type != "heading_open" or opening.map is None or not words:
            continue
        found.append((starts[opening.map[0]], int(opening.tag[1:]), words))
    return found


def _words(inline: Token) -> str:
    """A heading's text without its marks."""
    parts = (child.content for child in inline.children or [] if child.type in ("text", "code_inline", "softbreak"))
    return " ".join("".join(parts).split())
