"""Plain text. The first line is the title if it stands alone and is short."""

from afina.domain.document import Parsed
from afina.knowledge.readers._plain import decoded

SUFFIXES = (".txt", ".text", ".log", ".rst")
MOST_TITLE_CHARS = 120


def read(data: bytes, name: str, /) -> Parsed:
    text = decoded(data)
    first, _, rest = text.lstrip("\n").partition("\n")
    alone = rest.startswith("\n") and 0 < len(first.strip()) <= MOST_TITLE_CHARS
    return Parsed(text, title=first.strip() if alone else "")
