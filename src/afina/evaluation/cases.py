"""Cases from a JSONL file, checked row by row, and their split by id."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from afina.domain.document import content_id
from afina.domain.example import Case, part_of
from afina.errors import EmptyExamples, InvalidRow, NotFound, nearest

FIELDS = ("id", "question", "answers", "answer", "answerable", "document", "span", "group", "lang")
SHARES = {"validation": 0.2, "test": 0.8}


def load_cases(path: Path) -> list[Case]:
    """The cases of a file, in order. A row has a question, and `answers` (a list) or `answer` (a text); none of them,
    or `answerable: false`, means that the documents do not answer it. A row without an id gets one of its question.

    Raises:
        NotFound: no such file.
        InvalidRow: line and field of the first fault; also for an id that occurs twice.
        EmptyExamples: no row.
    """
    if not path.is_file():
        raise NotFound(f"{path} is not a file")
    seen: dict[str, int] = {}
    cases = []
    for line, data in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not data.strip():
            continue
        case = _case(_row(data, line), line)
        if case.id in seen:
            raise InvalidRow(f'"{case.id}" is the id of line {seen[case.id]} too', line=line, field="id")
        seen[case.id] = line
        cases.append(case)
    if not cases:
        raise EmptyExamples(f"{path} has no cases")
    return cases


def split(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """(validation, test) by the hash of the group (of the id where there is none): whole groups, the same forever."""
    parts: dict[str, list[Case]] = {"validation": [], "test": []}
    for case in cases:
        parts[part_of(case.group or case.id, SHARES, salt="cases")].append(case)
    return parts["validation"], parts["test"]


def _row(data: bytes, line: int) -> Mapping[str, Any]:
    try:
        row = json.loads(data.decode())
    except UnicodeDecodeError as error:
        raise InvalidRow(f"byte {error.start + 1} is not UTF-8", line=line) from error
    except json.JSONDecodeError as error:
        raise InvalidRow(f"not JSON: {error.msg} at character {error.pos}", line=line) from error
    if not isinstance(row, dict):
        raise InvalidRow(f"a row is an object, not {type(row).__name__}", line=line)
    for field in row:
        if field not in FIELDS:
            raise InvalidRow(f"not a field of a case{nearest(field, list(FIELDS))}", line=line, field=field)
    return row


def _case(row: Mapping[str, Any], line: int) -> Case:
    texts = {name: _text(row, name, line) for name in ("id", "question", "document", "span", "group", "lang")}
    if not texts["question"].strip():
        raise InvalidRow("a case must ask something", line=line, field="question")
    texts["id"] = texts["id"] or content_id("case", texts["question"])
    return Case(answers=_answers(row, line), **texts)


def _text(row: Mapping[str, Any], field: str, line: int) -> str:
    value = row.get(field, "")
    if not isinstance(value, str):
        raise InvalidRow(f"{value!r} is not text", line=line, field=field)
    return value


def _answers(row: Mapping[str, Any], line: int) -> tuple[str, ...]:
    if "answers" in row and "answer" in row:
        raise InvalidRow("give answers or answer, not both", line=line, field="answer")
    given = row.get("answers", [row["answer"]] if row.get("answer") is not None else [])
    field = "answers" if "answers" in row else "answer"
    if not isinstance(given, list) or not all(isinstance(a, str) and a.strip() for a in given):
        raise InvalidRow(f"{row[field]!r} is not text that says something", line=line, field=field)
    answerable = row.get("answerable", bool(given))
    if not isinstance(answerable, bool):
        raise InvalidRow(f"{answerable!r} is not true or false", line=line, field="answerable")
    if answerable and not given:
        raise InvalidRow("an answerable case needs an answer", line=line, field="answers")
    return tuple(given) if answerable else ()
