"""Bytes to clean text: encodings guessed in a fixed order, line ends made one, what cannot be stored left out."""

import codecs
import re

from afina.errors import UnreadableDocument

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
MOST_CONTROL = 0.05
_UNWANTED = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def decoded(data: bytes, declared: str = "") -> str:
    """Text of bytes: by the byte order mark, the declared encoding, UTF-8, UTF-16 without a mark, else Windows-1252.

    Raises:
        UnreadableDocument: it looks like no text at all.
    """
    for mark, encoding in BOMS:
        if data.startswith(mark):
            return cleaned(data[len(mark) :].decode(encoding, errors="replace"))
    for encoding in (declared, "utf-8"):
        text = _strictly(data, encoding) if encoding else None
        if text is not None:
            return _text_only(text)
    if data and data.count(0) > len(data) // 5:
        encoding = "utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be"
        return _text_only(data.decode(encoding, errors="replace"))
    return _text_only(data.decode("cp1252", errors="replace"))


def cleaned(text: str) -> str:
    """Line ends as '\\n', no characters that cannot be stored or seen."""
    return _UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _text_only(text: str) -> str:
    unseen = len(_UNWANTED.findall(text[:100_000]))
    if unseen > MOST_CONTROL * max(len(text[:100_000]), 1):
        raise UnreadableDocument("it holds bytes that are no text in any known encoding")
    return cleaned(text)
