"""DOCX by python-docx: paragraphs and tables in order, headings by style. Needs the extra "docs".

An archive that unpacks to far more than it weighs is refused before it is unpacked.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from xml.parsers.expat import ExpatError

import docx
from docx.document import Document as Opened
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml.etree import LxmlError  # type: ignore[import-untyped]

from afina.domain.document import Parsed
from afina.errors import UnreadableDocument
from afina.knowledge.readers._plain import cleaned

SUFFIXES = (".docx", ".docm")
MOST_UNPACKED_BYTES, MOST_FILES = 300_000_000, 20_000
MOST_RATIO, SMALL_BYTES = 200, 20_000_000
ENCRYPTED = b"\xd0\xcf\x11\xe0"
DAMAGES = (
    PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError, AttributeError, IndexError, TypeError,
    NotImplementedError, EOFError, OSError, RecursionError, ExpatError, LxmlError, RuntimeError, AssertionError,
    zlib.error,
)  # fmt: skip
"""What damaged files make python-docx and zipfile raise, which have no class of their own for it."""
_LEVEL = re.compile(r"(?:heading|t[ií]tulo)\s*(\d)", re.IGNORECASE)


def read(data: bytes, name: str, /) -> Parsed:
    if data.startswith(ENCRYPTED):
        raise UnreadableDocument("it is encrypted or an old .doc; save it as .docx without a password")
    try:
        _check_sizes(data)
        return _read(docx.Document(io.BytesIO(data)))
    except DAMAGES as error:
        raise UnreadableDocument(f"it is not a sound DOCX ({type(error).__name__}: {error})"[:300]) from error


def _check_sizes(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sizes = [part.file_size for part in archive.infolist()]
    unpacked = sum(sizes)
    swollen = unpacked > SMALL_BYTES and unpacked > MOST_RATIO * len(data)
    if unpacked > MOST_UNPACKED_BYTES or len(sizes) > MOST_FILES or swollen:
        raise UnreadableDocument(f"it unpacks to {unpacked:,} bytes in {len(sizes)} files from {len(data):,}: a bomb")


def _read(document: Opened) -> Parsed:
    parts: list[str] = []
    headings: list[tuple[int, int, str]] = []
    at = 0
    for level, text in _blocks(document):
        if level:
            headings.append((at, level, " ".join(text.split())))
        parts.append(text)
        at += len(text) + 2
    title = cleaned(document.core_properties.title or "").strip()
    first = next((words for _, level, words in headings if level == 1), "")
    return Parsed("\n\n".join(parts), title=title or first, headings=tuple(headings))


def _blocks(document: Opened) -> Iterator[tuple[int, str]]:
    """(heading level or 0, text) of every block that has text."""
    for block in document.iter_inner_content():
        text = cleaned(block.text if isinstance(block, Paragraph) else _table(block)).strip()
        if text:
            yield (_level(block) if isinstance(block, Paragraph) else 0), text


def _level(paragraph: Paragraph) -> int:
    style = paragraph.style.name if paragraph.style is not None else ""
    found = _LEVEL.match(style or "")
    return int(found[1]) if found else int((style or "").lower() in ("title", "título"))


def _table(table: Table) -> str:
    return "\n".join(" | ".join(" ".join(cell.text.split()) for cell in row.cells) for row in table.rows)
