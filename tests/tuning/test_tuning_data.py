"""Reading tuning data: both formats, weights, every fault by line and field."""

import json
from pathlib import Path
from typing import Any

import pytest

from afina.domain.example import Example
from afina.domain.message import Message
from afina.errors import EmptyExamples, InvalidRows, NotFound
from afina.tuning.data import as_row, examples_of, load_demonstrations, load_examples


def read(*rows: Any) -> list[Example]:
    return examples_of([json.dumps(row).encode() for row in rows], name="rows.jsonl")


def faults(*rows: Any) -> list[tuple[int, str | None]]:
    with pytest.raises(InvalidRows) as raised:
        examples_of([r if isinstance(r, bytes) else json.dumps(r).encode() for r in rows], name="rows.jsonl")
    return [(fault.line, fault.field) for fault in raised.value.rows]


def chat(*turns: tuple[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in turns], **more}


def test_both_formats_become_examples() -> None:
    one, other = read(
        chat(("system", "Be short."), ("user", "Who?"), ("assistant", "Me.")),
        {"prompt": "Where?", "completion": " Here."},
    )
    assert [m.role for m in one.messages] == ["system", "user", "assistant"]
    assert (other.question, other.answer) == ("Where?", "Here.")


def test_every_answer_with_weight_is_learnt_with_what_stands_before_it() -> None:
    row = chat(("user", "a?"), ("assistant", "a."), ("user", "b?"), ("assistant", "b."), id="talk")
    first, second = read(row)
    assert (first.id, first.answer, len(first.messages)) == ("talk#1", "a.", 2)
    assert (second.id, second.answer, len(second.messages)) == ("talk#2", "b.", 4)
    assert first.group == second.group
    row["messages"][1]["weight"] = 0
    (only,) = read(row)
    assert only.answer == "b."
    assert only.messages[1].content == "a."


def test_groups_come_from_the_row() -> None:
    rows = read(
        chat(("user", "a?"), ("assistant", "a."), group="g", document="d"),
        chat(("user", "b?"), ("assistant", "b."), document="d"),
        chat(("user", "c?"), ("assistant", "c.")),
    )
    assert [row.group for row in rows] == ["g", "d", rows[2].id]


def test_the_same_row_twice_is_kept_under_two_ids() -> None:
    row = chat(("user", "a?"), ("assistant", "a."))
    one, other = read(row, row)
    assert one.id != other.id
    assert one.messages == other.messages


def test_all_faults_are_told_at_once() -> None:
    found = faults(
        b"{not json",
        b"\xff\xfe",
        [1],
        {"mesages": []},
        {"prompt": "a", "completion": ""},
        chat(("user", "a?")),
        chat(("user", "a?"), ("user", "b?")),
        chat(("user", "a?"), ("asistant", "b")),
        chat(("user", ""), ("assistant", "b")),
        chat(("user", "a?"), ("assistant", None)),
        {"messages": [{"role": "user", "content": "a?", "weight": 1}, {"role": "assistant", "content": "b"}]},
        {"messages": [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "b", "weight": 0}]},
        {"messages": [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "b", "weight": 2}]},
        {"messages": [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "b", "tool_calls": [{}]}]},
        chat(("user", "a?"), ("assistant", "a."), tools=[{}]),
        chat(("user", "a?"), ("assistant", "a."), id="x"),
        chat(("user", "a?"), ("assistant", "a."), id="x"),
        chat(("assistant", "a."), ("assistant", "a.")),
    )
    assert found == [
        (1, None),
        (2, None),
        (3, None),
        (4, None),
        (5, "completion"),
        (6, "messages"),
        (7, "messages[1].role"),
        (8, "messages[1].role"),
        (9, "messages[0].content"),
        (10, "messages[1].content"),
        (11, "messages[0].weight"),
        (12, "messages"),
        (13, "messages[1].weight"),
        (14, "messages[1].tool_calls"),
        (15, "tools"),
        (17, "id"),
        (18, "messages[0].role"),
    ]


def test_the_message_shows_twenty_faults_and_counts_the_rest() -> None:
    with pytest.raises(InvalidRows) as raised:
        examples_of([b"{}"] * 25, name="rows.jsonl")
    assert str(raised.value).startswith("rows.jsonl: 25 rows")
    assert "line 20:" in str(raised.value)
    assert "line 21:" not in str(raised.value)
    assert str(raised.value).endswith("and 5 more")
    assert len(raised.value.rows) == 25


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with pytest.raises(NotFound):
        load_examples(path)
    path.write_text("\n\n")
    with pytest.raises(EmptyExamples):
        load_examples(path)
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(chat(("user", "a?"), ("assistant", "á."))).encode() + b"\r\n\r\n")
    assert load_examples(path)[0].answer == "á."


def test_demonstrations_show_the_question_without_its_sources(tmp_path: Path) -> None:
    learnt = Example("e1", (Message("user", "[1] text\n\nWho?"), Message("assistant", "Me")), "list")
    plain = Example("e2", (Message("user", "Where?"), Message("assistant", "Here")), "g")
    path = tmp_path / "rows.jsonl"
    path.write_text(as_row(learnt, question="Who?", document="d.md") + "\n\n" + as_row(plain) + "\n")
    bare = Example("e1", (Message("user", "Who?"), Message("assistant", "Me")), "d.md")
    assert load_demonstrations(path, {"e1", "e2"}) == [bare, plain]
    assert load_demonstrations(path, {"e2"}) == [plain]


def test_written_rows_read_back() -> None:
    example = Example("e1", (Message("user", "¿Qué?"), Message("assistant", "Nada\nmás.")), "doc.md")
    assert examples_of([as_row(example, span="más").encode()], name="x") == [example]


def test_labelled_rows_and_questions_become_examples() -> None:
    label, answer, answers = read(
        {"id": "r1", "text": "Where is my card?", "label": " card_arrival", "lang": "en"},
        {"question": "Who?", "answer": "Me.", "document": "d.md"},
        {"question": "When?", "answers": ["Now", "At once"]},
    )
    assert (label.id, label.question, label.answer) == ("r1", "Where is my card?", "card_arrival")
    assert (answer.question, answer.answer, answer.group) == ("Who?", "Me.", "d.md")
    assert answers.answer == "Now"


def test_faults_of_pairs_name_their_field() -> None:
    assert faults(
        {"text": "a"},
        {"text": "a", "label": 3},
        {"question": "a?", "answers": []},
        {"question": "a?", "answers": "Now"},
        {"question": "a?", "answers": [1]},
        {"question": "", "answer": "b"},
        {"prompt": "a", "answer": "b"},
    ) == [(1, "label"), (2, "label"), (3, "answers"), (4, "answers"), (5, "answer"), (6, "question"), (7, "completion")]


def test_tables(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('id;text;label\nr1;"Where is\nit?";outage\nr2;Pay;billing\n')
    one, two = load_examples(path)
    assert (one.id, one.question, one.answer) == ("r1", "Where is\nit?", "outage")
    assert load_demonstrations(path, {"r2"}) == [two]
    path.write_text('question,answers\nWho?,"[""Ana"", ""Ana R.""]"\nWhen?,now\n,"[""a""]"\n')
    with pytest.raises(InvalidRows) as raised:
        load_examples(path)
    assert [(fault.line, fault.field) for fault in raised.value.rows] == [(3, "answers"), (4, "question")]
    path.write_text("text,label\na,b,c\n")
    with pytest.raises(InvalidRows, match="3 cells"):
        load_examples(path)
