"""Tables: columns by name, lines as an editor counts them, faults by line."""

import pytest

from afina.domain.table import is_table, table_rows
from afina.errors import InvalidRow


def read(text: str) -> list[tuple[int, dict[str, str]]]:
    return list(table_rows(text.encode()))


def test_rows_have_the_line_they_begin_on() -> None:
    assert read('text,label\n"two\nlines",a\n\nx,b\n') == [
        (2, {"text": "two\nlines", "label": "a"}),
        (5, {"text": "x", "label": "b"}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_that_of_the_header(delimiter: str) -> None:
    rows = [["text", "label", "lang"], ["a: b", "x", ""]]
    text = "\ufeff" + "\r\n".join(delimiter.join(row) for row in rows)
    assert read(text) == [(2, {"text": "a: b", "label": "x"})]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"text,label\na,b\ncaf\xe9,x", "line 3: byte 19 is not UTF-8"),
        (b"text,text\na,b", 'line 1, field text: "text" is a column twice'),
        (b"text,\na,b", "line 1: every column needs a name"),
        (b"text,label\na,b,c", "line 2: has 3 cells, but there are 2 columns"),
        (b'text,label\na,b\n"x', "line 3: not CSV"),
    ],
)
def test_faults(data: bytes, fault: str) -> None:
    with pytest.raises(InvalidRow) as raised:
        list(table_rows(data))
    assert str(raised.value).startswith(fault)


def test_a_table_is_known_by_its_name() -> None:
    assert is_table("rows.CSV")
    assert is_table("rows.tsv")
    assert not is_table("rows.jsonl")
