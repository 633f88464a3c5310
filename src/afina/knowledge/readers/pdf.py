"""PDF by PDFium: the text layer page by page, headings from the outline. Scanned pages have none and need OCR."""

import re
from collections.abc import Iterator
from contextlib import closing

import pypdfium2 as pdfium

from afina.domain.document import Parsed
from afina.errors import UnreadableDocument
from afina.knowledge.readers._page import reached
from afina.knowledge.readers._plain import cleaned

SUFFIXES = (".pdf",)
MOST_PAGES = 20_000
MOST_HEADINGS = 5_000
_BROKEN_WORD = re.compile("(?:\ufffe|\x02|\u00ad)\\s*")


def read(data: bytes, name: str, /) -> Parsed:
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        raise UnreadableDocument(_reason(str(error))) from error
    with closing(document):
        return _read(document)


def _reason(error: str) -> str:
    if "password" in error.lower():
        return "it is encrypted and needs a password; remove the password and add it again"
    return f"it is not a sound PDF ({error})"


def _read(document: pdfium.PdfDocument) -> Parsed:
    count = len(document)
    if count > MOST_PAGES:
        raise UnreadableDocument(f"it has {count} pages, more than {MOST_PAGES}")
    texts, broken = [], []
    for page in range(count):
        reached(page + 1)
        try:
            texts.append(_text_of(document, page))
        except pdfium.PdfiumError:
            texts.append("")
            broken.append(page + 1)
    if not any(text.strip() for text in texts):
        reason = "the page cannot be read" if broken else "there is no text on any page; scanned pages need OCR"
        raise UnreadableDocument(reason, page=broken[0] if broken else 1)
    pages = [0]
    for text in texts[:-1]:
        pages.append(pages[-1] + len(text) + 2)
    whole = "\n\n".join(texts)
    attributes = {"unread_pages": ", ".join(map(str, broken))} if broken else {}
    headings = tuple(sorted(_headings(document, whole, pages)))
    return Parsed(whole, title=_title(document), pages=tuple(pages), headings=headings, attributes=attributes)


def _text_of(document: pdfium.PdfDocument, page: int) -> str:
    with closing(document[page]) as opened, closing(opened.get_textpage()) as text:
        return cleaned(_BROKEN_WORD.sub("", text.get_text_bounded()))


def _title(document: pdfium.PdfDocument) -> str:
    try:
        return " ".join(cleaned(document.get_metadata_value("Title")).split())[:300]
    except (pdfium.PdfiumError, UnicodeDecodeError):
        return ""


def _headings(document: pdfium.PdfDocument, text: str, pages: list[int]) -> Iterator[tuple[int, int, str]]:
    """Outline entries that are found as words on the page they point to."""
    try:
        outline = list(zip(document.get_toc(max_depth=6), range(MOST_HEADINGS), strict=False))
    except (pdfium.PdfiumError, UnicodeDecodeError, RecursionError):
        return
    for bookmark, _ in outline:
        target = bookmark.get_dest()
        page = target.get_index() if target else None
        words = cleaned(bookmark.get_title()).split()
        if page is None or not 0 <= page < len(pages) or not words:
            continue
        end = pages[page + 1] if page + 1 < len(pages) else len(text)
        found = re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE).search(text, pages[page], end)
        if found:
            yield found.start(), bookmark.level + 1, found[0]
