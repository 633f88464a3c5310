"""Where sentences begin and end, by rule: for splitting and for citing, not for linguistics."""

import re
from collections.abc import Iterator

Span = tuple[int, int]
_BREAK = re.compile(
    r"""(?<=[.!?…])["'”’»)\]]*\s+(?=["'“‘«(\[]*[A-ZÁÉÍÓÚÜÑÇ¿¡\d])|\n\s*\n|\n(?=\s*(?:[-*•#|]|\d+[.)])\s)""", re.VERBOSE
)
_SHORT = re.compile(
    r"(?:^|[\s(])(?:[A-Z]|Mr|Mrs|Ms|Dr|Dra|Sr|Sra|Srta|St|Prof|No|núm|Núm|art|Art|vs|etc|al|cf|Fig|fig|e\.g|i\.e|p\.ej|pp|approx)\.$"
)


def sentences(text: str) -> Iterator[Span]:
    """(start, end) of each sentence without the space around it, in order; nothing but space is left out."""
    start = 0
    for found in _BREAK.finditer(text):
        head = text[start : found.start()]
        if "\n" not in found[0] and _SHORT.search(head[-12:]):
            continue
        yield from _trimmed(text, start, found.end())
        start = found.end()
    yield from _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    part = text[start:end]
    if part.strip():
        left = start + len(part) - len(part.lstrip())
        yield left, left + len(part.strip())
