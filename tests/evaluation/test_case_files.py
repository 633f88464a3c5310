"""Case files of all tasks: labelled rows, fields, grades, checks, CSV; faults by line and field."""

import json
from pathlib import Path
from typing import Any

import pytest

from afina.domain.example import Case
from afina.errors import InvalidRow
from afina.evaluation.cases import load_cases


def read(folder: Path, *rows: Any) -> list[Case]:
    file = folder / "cases.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    return load_cases(file)


def test_labelled_rows_are_cases(tmp_path: Path) -> None:
    (case,) = read(tmp_path, {"id": "r1", "text": "Where is my card?", "label": "card_arrival", "lang": "en"})
    assert case == Case("r1", "Where is my card?", ("card_arrival",), lang="en")


def test_gold_of_the_other_tasks(tmp_path: Path) -> None:
    fields = {"name": "Ana", "items": [{"n": 1}], "note": None}
    checks = {"include": ["ferry", ["hi", "hello"]], "max_words": 40, "pattern": r"\d+", "facts": "it is late"}
    rows = read(
        tmp_path,
        {"question": "Read: Ana, 1", "fields": fields},
        {"question": "ferries", "relevant": {"a.md": 2, "b.md": 0}},
        {"question": "boats", "relevant": ["a.md"]},
        {"question": "Write.", "checks": checks},
        {"question": "Unknown?"},
    )
    assert rows[0].fields == fields
    assert [r.relevant for r in rows[1:3]] == [{"a.md": 2.0, "b.md": 0.0}, {"a.md": 1.0}]
    assert rows[3].checks == checks
    assert [r.answerable for r in rows] == [True, True, True, True, False]
    assert all(r.answers == () for r in rows)


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"fields": [1]}, "field fields: [1] is not an object"),
        ({"relevant": {"a.md": -1}}, "field relevant.a.md: -1 is no grade"),
        ({"relevant": {"a.md": True}}, "field relevant.a.md: True is no grade"),
        ({"relevant": "a.md"}, "field relevant: 'a.md' is not an object"),
        ({"checks": {"inclde": ["a"]}}, 'field checks.inclde: not a check; did you mean "include"?'),
        ({"checks": {"include": [""]}}, "field checks.include: [''] is not text that says something"),
        ({"checks": {"avoid": [["a", "b"]]}}, "field checks.avoid: [['a', 'b']] is not text"),
        ({"checks": {"max_words": "ten"}}, "field checks.max_words: 'ten' is not a number of words"),
        ({"checks": {"pattern": "("}}, "field checks.pattern: '(' is not a regular expression"),
        ({"text": "?"}, "field text: give question or text, not both"),
        ({"answer": "a", "label": "a"}, "field label: give answer or label, not both"),
        ({"label": 3}, "field label: 3 is not text that says something"),
        ({"fields": {"a": 1}, "answerable": False}, "field answerable: false, but the row has fields"),
    ],
)
def test_faults_name_line_and_field(tmp_path: Path, more: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidRow) as raised:
        read(tmp_path, {"question": "fine?"}, {"question": "q?", **more})
    assert str(raised.value).startswith(f"line 2, {fault}")


def test_a_table_of_cases(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_text(
        "id,text,label,answers,checks,answerable\n"
        "c1,Where is it?,outage,,,\n"
        'c2,Who?,,"[""Ana"", ""Ana Ruiz""]",,TRUE\n'
        'c3,Write.,,,"{""max_words"": 5}",\n'
    )
    one, two, three = load_cases(file)
    assert (one.id, one.answers) == ("c1", ("outage",))
    assert two.answers == ("Ana", "Ana Ruiz")
    assert three.checks == {"max_words": 5}
    file.write_text("text,answers\nWho?,Ana\n")
    with pytest.raises(InvalidRow, match="line 2, field answers: not JSON"):
        load_cases(file)
