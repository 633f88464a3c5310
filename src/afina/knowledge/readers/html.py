"""HTML by the standard library's parser: visible text, block by block; scripts, styles and hidden parts left out."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser

from afina.domain.document import Parsed
from afina.knowledge.readers._plain import cleaned, decoded

SUFFIXES = (".html", ".htm", ".xhtml")
SILENT = {
    "script",
    "style",
    "noscript",
    "template",
    "svg",
    "math",
    "head",
    "iframe",
    "object",
    "select",
    "textarea",
    "nav",
}
BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
    "html", "legend", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead",
    "tr", "ul",
}  # fmt: skip
PARAGRAPHS = BLOCKS - {"li", "tr", "dd", "dt", "tbody", "thead", "tfoot"}
CELLS = {"td", "th"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w-]{2,40})""", re.IGNORECASE)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
DECLARED_WITHIN = 4096


def read(data: bytes, name: str, /) -> Parsed:
    declared = _CHARSET.search(data[:DECLARED_WITHIN])
    reading = _Reading()
    reading.feed(decoded(data, declared[1].decode("ascii") if declared else ""))
    reading.close()
    return reading.parsed()


def _is_hidden(given: Mapping[str, str | None]) -> bool:
    if "hidden" in given or given.get("role") == "navigation":
        return True
    return bool(_HIDDEN.search(given.get("style") or ""))


class _Reading(HTMLParser):
    """Collects text with its blocks. `silent` counts the open elements whose text is not shown."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._length = 0
        self._title: list[str] = []
        self._headings: list[tuple[int, int, str]] = []
        self._heading: tuple[int, int, int] | None = None
        self._open: list[tuple[str, bool]] = []
        self._silent = 0
        self._kept = 0
        self._lang = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self._lang = (given.get("lang") or "")[:2].lower()
        self._break(tag)
        if tag not in VOID:
            hides = tag in SILENT or _is_hidden(given)
            self._open.append((tag, hides))
            self._silent += hides
            self._kept += tag == "pre"
        if re.fullmatch("h[1-6]", tag) and not self._silent:
            self._heading = (self._length, int(tag[1]), len(self._parts))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and any(name == tag for name, _ in self._open):
            while self._open:
                name, hides = self._open.pop()
                self._silent -= hides
                self._kept -= name == "pre"
                if name == tag:
                    break
        if self._heading is not None and re.fullmatch("h[1-6]", tag):
            self._end_heading()
        if tag not in CELLS:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] == "title" and len(self._title) < 100:
            self._title.append(data)
        if self._silent:
            return
        text = cleaned(data) if self._kept else re.sub(r"\s+", " ", cleaned(data))
        if not self._kept and self._ends_line():
            text = text.lstrip()
        self._put(text)

    def _break(self, tag: str) -> None:
        if self._silent:
            return
        if tag in CELLS and not self._ends_line():
            self._put(" | ")
        elif (tag in BLOCKS or tag == "br") and self._parts:
            self._put("\n" * max(0, (2 if tag in PARAGRAPHS else 1) - self._line_ends()))

    def _end_heading(self) -> None:
        start, level, part = self._heading or (0, 1, len(self._parts))
        text = "".join(self._parts[part:]) if self._length - start < 10_000 else ""
        words = " ".join(text.split())
        if words:
            self._headings.append((start + len(text) - len(text.lstrip()), level, words))
        self._heading = None

    def _put(self, text: str) -> None:
        if text:
            self._parts.append(text)
            self._length += len(text)

    def _ends_line(self) -> bool:
        return not self._parts or self._parts[-1].endswith("\n")

    def _line_ends(self) -> int:
        """New lines at the end of what was collected, at most 2."""
        tail = "".join(self._parts[-2:])
        return min(2, len(tail) - len(tail.rstrip("\n")))

    def parsed(self) -> Parsed:
        title = " ".join("".join(self._title).split())
        attributes = {"lang": self._lang} if self._lang else {}
        return Parsed("".join(self._parts), title=title, headings=tuple(self._headings), attributes=attributes)
