"""By what a text is known to quote a document that is to be erased."""

from collections.abc import Iterable

MARK_CHARS, LEAST_MARK_CHARS = 80, 20


def marking_lines(texts: Iterable[str]) -> set[str]:
    """The beginning of the longest line of each passage; lines so short that others may say the same are left out."""
    lines = {max(text.split("\n"), key=len).strip()[:MARK_CHARS] for text in texts}
    return {line for line in lines if len(line) >= LEAST_MARK_CHARS}
