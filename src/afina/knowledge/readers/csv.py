"""CSV and TSV: each row as 'column: value' lines, so that a passage says what its values are."""

import csv
import io

from afina.domain.document import Parsed
from afina.errors import UnreadableDocument
from afina.knowledge.readers._plain import decoded

SUFFIXES = (".csv", ".tsv")
DELIMITERS = ",;\t|"
SAMPLE_CHARS = 20_000


def read(data: bytes, name: str, /) -> Parsed:
    text = decoded(data)
    csv.field_size_limit(10_000_000)
    rows = csv.reader(io.StringIO(text, newline=""), _dialect(text, name))
    try:
        filled = [row for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise UnreadableDocument(f"line {rows.line_num}: {error}") from error
    if not filled:
        return Parsed("")
    columns = [" ".join(cell.split()) for cell in filled[0]]
    if len(filled) == 1:
        return Parsed(", ".join(columns))
    return Parsed("\n\n".join(_row(columns, row) for row in filled[1:]))


def _dialect(text: str, name: str) -> type[csv.Dialect]:
    if name.lower().endswith(".tsv"):
        return csv.excel_tab
    try:
        return csv.Sniffer().sniff(text[:SAMPLE_CHARS], DELIMITERS)
    except csv.Error:
        return csv.excel


def _row(columns: list[str], row: list[str]) -> str:
    names = columns + [f"column {n + 1}" for n in range(len(columns), len(row))]
    cells = zip(names, (" ".join(cell.split()) for cell in row), strict=False)
    return "\n".join(f"{column}: {cell}" if column else cell for column, cell in cells if cell)
