"""JSON Lines: each row as 'field: value' lines; a row's title is a heading, its plain text stands as it is."""

import json
from collections.abc import Iterator
from typing import Any

from afina.domain.document import Parsed
from afina.errors import UnreadableDocument
from afina.knowledge.readers._plain import cleaned, decoded

SUFFIXES = (".jsonl", ".ndjson")
PLAIN = ("text", "body", "content", "texto")
"""Fields whose value needs no name in front."""


def read(data: bytes, name: str, /) -> Parsed:
    parts: list[str] = []
    headings: list[tuple[int, int, str]] = []
    at = 0
    for number, line in enumerate(decoded(data).split("\n"), start=1):
        if not line.strip():
            continue
        row = _row(line, number)
        title = " ".join(str(row.pop("title", "")).split()) if isinstance(row, dict) else ""
        text = cleaned("\n".join([title, *_lines(row)] if title else _lines(row)))
        if title:
            headings.append((at, 1, cleaned(title)))
        parts.append(text)
        at += len(text) + 2
    return Parsed("\n\n".join(parts), headings=tuple(headings))


def _row(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableDocument(f"line {number} is not JSON: {error}") from error


def _lines(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _lines(inner, name)
    elif value not in (None, ""):
        yield str(value) if not name or name in PLAIN else f"{name}: {value}"
