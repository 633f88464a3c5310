"""Rows of a CSV file as mappings, each with the line that it begins on."""

import csv
import io
from collections.abc import Iterator

from afina.errors import InvalidRow

MOST_CHARS = 10_000_000
"""The longest cell."""


def is_table(name: str) -> bool:
    """Whether a file's name says that it is a table: .csv or .tsv."""
    return name.lower().endswith((".csv", ".tsv"))


def table_rows(data: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, column -> cell) of a table with a header in UTF-8; empty cells are left out, and empty rows passed over.

    The delimiter is the one of comma, semicolon and tab that the header has most of; cells may be quoted, and then hold
    line ends.

    Raises:
        InvalidRow: not UTF-8, a column without a name or twice the same, more cells than columns, a broken quote.
    """
    text = _decoded(data)
    lines = io.StringIO(text, newline="")
    header = text.partition("\n")[0]
    csv.field_size_limit(MOST_CHARS)
    reader = csv.reader(lines, delimiter=max(",;\t", key=header.count), strict=True)
    columns: list[str] = []
    begun = 1
    try:
        for cells in reader:
            if not columns:
                columns = _columns(cells)
            elif any(cell.strip() for cell in cells):
                yield begun, _row(columns, cells, begun)
            begun = reader.line_num + 1
    except csv.Error as error:
        raise InvalidRow(f"not CSV: {error}", line=begun) from error


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRow(f"byte {error.start + 1} is not UTF-8", line=data[: error.start].count(b"\n") + 1) from error


def _columns(cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    for name in names:
        if not name or names.count(name) > 1:
            why = "is a column twice" if name else "every column needs a name"
            raise InvalidRow(f'"{name}" {why}' if name else why, line=1, field=name or None)
    return names


def _row(columns: list[str], cells: list[str], line: int) -> dict[str, str]:
    if len(cells) > len(columns):
        raise InvalidRow(f"has {len(cells)} cells, but there are {len(columns)} columns", line=line)
    return {column: cell for column, cell in zip(columns, cells, strict=False) if cell.strip()}
