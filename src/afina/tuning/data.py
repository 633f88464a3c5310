"""Tuning data as files: rows of JSONL or CSV to examples, every fault by line and field.

A chat row (OpenAI's) has "messages"; an assistant message may carry "weight" 0 (read, not learnt) or 1. A row with
several answers to learn becomes one example for each, so nothing is lost. A row may also be a pair: "prompt" and
"completion", "text" and "label", "question" and "answer" (or "answers", of which the first is learnt). Other keys of a
row are free: "id" names it, and "group" (else "document") says which rows a split keeps together.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from afina.domain.document import content_id
from afina.domain.example import Example
from afina.domain.message import Message, Role
from afina.domain.table import is_table, table_rows
from afina.errors import EmptyExamples, InvalidRow, InvalidRows, NotFound, nearest

ROLES = get_args(Role)
PAIRS = (("prompt", "completion"), ("text", "label"), ("question", "answer"))
"""What is asked and what is learnt, in rows without messages."""

MESSAGE_KEYS = {"role", "content", "weight"}
UNREAD_KEYS = ("tools", "functions", "parallel_tool_calls", "function_call", "response_format")
"""Keys of other tuning services that would change what is learnt; refused rather than passed over."""


def load_examples(path: Path) -> list[Example]:
    """All examples of a file.

    Raises:
        NotFound: no such file.
        InvalidRows: with every fault of the file, each an InvalidRow.
        EmptyExamples: it holds no rows.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    return _examples_in(_rows(path), name=path.name)


def examples_of(lines: Iterable[bytes], *, name: str) -> list[Example]:
    """Examples of JSONL lines; see `load_examples`. Blank lines count as lines and are passed over."""
    return _examples_in(_json_rows(lines), name=name)


def _examples_in(rows: Iterable[tuple[int, Mapping[str, Any] | InvalidRow]], *, name: str) -> list[Example]:
    examples: list[Example] = []
    faults: list[InvalidRow] = []
    lines_of_ids: dict[str, int] = {}
    for line, row in rows:
        if isinstance(row, InvalidRow):
            faults.append(row)
            continue
        try:
            _own_id(row, line, lines_of_ids)
            examples += _examples(row, line)
        except InvalidRow as fault:
            faults.append(fault)
    if faults:
        raise InvalidRows(name, faults)
    if not examples:
        raise EmptyExamples(f"{name} holds no rows")
    return _with_own_ids(examples)


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | InvalidRow]]:
    """(line, row) of each row of a file, or what is wrong with it; a table ends with its first fault."""
    if not is_table(path.name):
        yield from _json_rows(_lines(path))
        return
    try:
        yield from table_rows(path.read_bytes())
    except InvalidRow as fault:
        yield fault.line, fault


def _json_rows(lines: Iterable[bytes]) -> Iterator[tuple[int, Mapping[str, Any] | InvalidRow]]:
    for line, data in enumerate(lines, start=1):
        if not data.strip():
            continue
        try:
            yield line, _row(data, line)
        except InvalidRow as fault:
            yield line, fault


def _row(data: bytes, line: int) -> Mapping[str, Any]:
    try:
        row = json.loads(data)
    except UnicodeDecodeError as error:
        raise InvalidRow(f"byte {error.start} is not UTF-8", line=line) from error
    except (ValueError, RecursionError) as error:
        raise InvalidRow(f"not JSON: {error}", line=line) from error
    if not isinstance(row, dict):
        raise InvalidRow(f"a row is a JSON object, this is a {_kind(row)}", line=line)
    for key in UNREAD_KEYS:
        if row.get(key):
            raise InvalidRow("cannot be learnt here; leave it out", line=line, field=key)
    return row


def _own_id(row: Mapping[str, Any], line: int, seen: dict[str, int]) -> None:
    name = row.get("id")
    if name is None:
        return
    if not isinstance(name, str) or not name:
        raise InvalidRow(f"an id is text, this is {name!r}", line=line, field="id")
    if name in seen:
        raise InvalidRow(f'"{name}" is also the id of line {seen[name]}', line=line, field="id")
    seen[name] = line


def _examples(row: Mapping[str, Any], line: int) -> Iterator[Example]:
    turns = _turns(row["messages"], line) if "messages" in row else _pair(_single(row, line), line)
    learnt = [place for place, (_, learn) in enumerate(turns) if learn]
    name = row.get("id") or content_id("ex", *(part for m, _ in turns for part in (m.role, m.content)))
    group = _group(row, line) or name
    for number, place in enumerate(learnt, start=1):
        own = name if len(learnt) == 1 else f"{name}#{number}"
        yield Example(own, tuple(message for message, _ in turns[: place + 1]), group)


def _group(row: Mapping[str, Any], line: int) -> str:
    for key in ("group", "document"):
        value = row.get(key)
        if value is not None and not isinstance(value, str):
            raise InvalidRow(f"a {key} is text, this is {value!r}", line=line, field=key)
        if value:
            return str(value)
    return ""


def _single(row: Mapping[str, Any], line: int) -> Mapping[str, Any]:
    """The row with the first of its "answers" as its "answer"; a cell of a table holds the list as JSON."""
    if "answers" not in row or any(key in row for pair in PAIRS[:2] for key in pair):
        return row
    answers = row["answers"]
    if isinstance(answers, str):
        try:
            answers = json.loads(answers)
        except json.JSONDecodeError as error:
            raise InvalidRow(f"not JSON: {error.msg}", line=line, field="answers") from error
    if not isinstance(answers, list) or not answers:
        raise InvalidRow(f"must be a list with an answer to learn, this is {answers!r:.60}", line=line, field="answers")
    return {**row, "answer": answers[0]}


def _pair(row: Mapping[str, Any], line: int) -> list[tuple[Message, bool]]:
    pair = next((pair for pair in PAIRS if any(key in row for key in pair)), None)
    if pair is None:
        hint = nearest(next(iter(row), ""), ["messages", *(key for pair in PAIRS for key in pair)])
        raise InvalidRow(f'a row has "messages", "prompt" and "completion", or another pair{hint}', line=line)
    for key in pair:
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise InvalidRow(f"must be text that is not empty, this is {row.get(key)!r:.60}", line=line, field=key)
    return [(Message("user", row[pair[0]]), False), (Message("assistant", row[pair[1]].strip()), True)]


def _turns(messages: Any, line: int) -> list[tuple[Message, bool]]:
    """Messages, and whether each is to be learnt."""
    if not isinstance(messages, list) or len(messages) < 2:
        raise InvalidRow("must be a list of at least a question and an answer", line=line, field="messages")
    turns = [_turn(message, line, f"messages[{place}]") for place, message in enumerate(messages)]
    if turns[-1][0].role != "assistant":
        reason = f"the last message must be the assistant's, this is the {turns[-1][0].role}'s"
        raise InvalidRow(reason, line=line, field=f"messages[{len(turns) - 1}].role")
    if turns[0][1]:
        raise InvalidRow("an answer needs something before it", line=line, field="messages[0].role")
    if not any(learn for _, learn in turns):
        raise InvalidRow("every assistant message has weight 0; there is nothing to learn", line=line, field="messages")
    return turns


def _turn(message: Any, line: int, field: str) -> tuple[Message, bool]:
    if not isinstance(message, dict):
        raise InvalidRow(f"a message is a JSON object, this is a {_kind(message)}", line=line, field=field)
    role: Any = message.get("role")
    if role not in ROLES:
        raise InvalidRow(f"{role!r} is no role{nearest(str(role), list(ROLES))}", line=line, field=f"{field}.role")
    for key, value in message.items():
        if key not in MESSAGE_KEYS and value is not None:
            raise InvalidRow("cannot be learnt here; leave it out", line=line, field=f"{field}.{key}")
    content = _content(message.get("content"), line, f"{field}.content")
    return Message(role, content), _learns(message, line, f"{field}.weight")


def _content(content: Any, line: int, field: str) -> str:
    if isinstance(content, list) and all(isinstance(p, dict) and p.get("type") == "text" for p in content):
        content = "".join(str(part.get("text", "")) for part in content)
    if not isinstance(content, str) or not content.strip():
        raise InvalidRow(f"must be text that is not empty, this is {content!r:.60}", line=line, field=field)
    return content


def _learns(message: Mapping[str, Any], line: int, field: str) -> bool:
    weight = message.get("weight")
    if weight is None:
        return bool(message["role"] == "assistant")
    if message["role"] != "assistant":
        raise InvalidRow(
            f"only the assistant's messages have one, this is the {message['role']}'s", line=line, field=field
        )
    if isinstance(weight, bool) or weight not in (0, 1):
        raise InvalidRow(f"must be 0 or 1, this is {weight!r}", line=line, field=field)
    return bool(weight)


def _kind(value: Any) -> str:
    names = {list: "list", str: "text", int: "number", float: "number", bool: "truth value", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _with_own_ids(examples: list[Example]) -> list[Example]:
    """Rows of the same content get ids that differ, so that each can be stored."""
    seen: dict[str, int] = {}
    told: list[Example] = []
    for example in examples:
        seen[example.id] = seen.get(example.id, 0) + 1
        name = example.id if seen[example.id] == 1 else f"{example.id}-{seen[example.id]}"
        told.append(example if name == example.id else Example(name, example.messages, example.group))
    return told


def load_demonstrations(path: Path, ids: Collection[str]) -> list[Example]:
    """The rows with these ids as examples to show. A row with a "question" is shown as that question and its answer,
    without the sources it is learnt with, and belongs to the "document" that answers it.
    """
    rows = {row.get("id"): row for _, row in _rows(path) if not isinstance(row, InvalidRow)}
    return [_demonstration(example, rows.get(example.id, {})) for example in load_examples(path) if example.id in ids]


def _demonstration(example: Example, row: Mapping[str, Any]) -> Example:
    question = row.get("question")
    if not isinstance(question, str) or not question:
        return example
    turns = (Message("user", question), Message("assistant", example.answer))
    return Example(example.id, turns, str(row.get("document") or example.group))


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")


def as_row(example: Example, **more: Any) -> str:
    """An example as a line of OpenAI chat JSONL, without its line end; `more` stands beside "messages"."""
    messages = [{"role": m.role, "content": m.content} for m in example.messages]
    return json.dumps({"messages": messages, "id": example.id, "group": example.group, **more}, ensure_ascii=False)
