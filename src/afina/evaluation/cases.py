"""Cases from a JSONL or CSV file, checked row by row, and their split by id.

Whatever the task, `answers` are known right answers, whole: a phrase, a label, a JSON object, a text as it should be.
What must be in a text, and the key facts of a summary, stand in `checks` (see checks.py). A row with `better` and
`worse`, two answers to its question, is a case for a judge: which of them stands first follows from its id by hash.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from afina.domain.document import content_id
from afina.domain.example import Case, part_of, share_of
from afina.domain.pair import Pair, pair_text
from afina.domain.table import is_table, table_rows
from afina.errors import EmptyExamples, InvalidRow, NotFound, nearest
from afina.evaluation import checks

ALIASES = {"text": "question", "label": "answer"}
"""Other names of fields: those of labelled rows."""

GOLD = ("fields", "relevant", "checks")
PAIR = ("better", "worse")
FIELDS = (
    "id", "question", "answers", "answer", "answerable", "document", "span", "group", "lang", *GOLD, *PAIR, "reference",
    *ALIASES,
)  # fmt: skip
SHARES = {"validation": 0.2, "test": 0.8}


def load_cases(path: Path) -> list[Case]:
    """The cases of a file, in order. A row has a question (or `text`), and what is known of a right answer: `answers`
    (a list), `answer` (a text) or `label`; `fields`, an object to extract; `relevant`, documents by grade (or a list of
    them); `checks`; `better` and `worse`, perhaps with a `reference`. Nothing of it, or `answerable: false`, means that
    the documents do not answer it. A row without an id gets one of its question. A CSV file has these as columns; lists
    and objects stand in its cells as JSON.

    Raises:
        NotFound: no such file.
        InvalidRow: line and field of the first fault; also for an id that occurs twice.
        EmptyExamples: no row.
    """
    if not path.is_file():
        raise NotFound(f"{path} is not a file")
    seen: dict[str, int] = {}
    cases = []
    for line, row in _rows(path):
        case = _case(_paired(_named(row, line), line), line)
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


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    data = path.read_bytes()
    if is_table(path.name):
        for line, cells in table_rows(data):
            yield line, {name: _cell(name, cell, line) for name, cell in cells.items()}
        return
    for line, text in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if text.strip():
            yield line, _row(text, line)


def _cell(name: str, cell: str, line: int) -> Any:
    """A cell as a row of JSONL would say it."""
    if name not in ("answers", "answerable", *GOLD):
        return cell
    try:
        return json.loads(cell.lower() if name == "answerable" else cell)
    except json.JSONDecodeError as error:
        raise InvalidRow(f"not JSON: {error.msg} at character {error.pos}", line=line, field=name) from error


def _row(data: bytes, line: int) -> Mapping[str, Any]:
    try:
        row = json.loads(data.decode())
    except UnicodeDecodeError as error:
        raise InvalidRow(f"byte {error.start + 1} is not UTF-8", line=line) from error
    except json.JSONDecodeError as error:
        raise InvalidRow(f"not JSON: {error.msg} at character {error.pos}", line=line) from error
    if not isinstance(row, dict):
        raise InvalidRow(f"a row is an object, not {type(row).__name__}", line=line)
    return row


def _named(row: Mapping[str, Any], line: int) -> Mapping[str, Any]:
    """The row with every field under its own name."""
    for field in row:
        if field not in FIELDS:
            raise InvalidRow(f"not a field of a case{nearest(field, list(FIELDS))}", line=line, field=field)
        if ALIASES.get(field) in row:
            raise InvalidRow(f"give {ALIASES[field]} or {field}, not both", line=line, field=field)
        if field in ALIASES and not (row[field] is None or (isinstance(row[field], str) and row[field].strip())):
            raise InvalidRow(f"{row[field]!r} is not text that says something", line=line, field=field)
    return {ALIASES.get(field, field): value for field, value in row.items()}


def _case(row: Mapping[str, Any], line: int) -> Case:
    id, question, document, span, group, lang = (
        _text(row, name, line) for name in ("id", "question", "document", "span", "group", "lang")
    )
    if not question.strip():
        raise InvalidRow("a case must ask something", line=line, field="question")
    fields, relevant, checked = _object(row, "fields", line), _relevant(row, line), _checks(row, line)
    answers = _answers(row, line, elsewhere=bool(fields or relevant or checked))
    return Case(
        id or content_id("case", question), question, answers,
        document=document, span=span, group=group, lang=lang, fields=fields, relevant=relevant, checks=checked,
    )  # fmt: skip


def _paired(row: Mapping[str, Any], line: int) -> Mapping[str, Any]:
    """A row with a better and a worse answer as a case for a judge, labelled by where the better one stands."""
    if not {*PAIR, "reference"} & set(row):
        return row
    texts = {name: _text(row, name, line) for name in ("id", "question", *PAIR, "reference")}
    for name in ("question", *PAIR):
        if not texts[name].strip():
            raise InvalidRow("a pair needs a question, a better and a worse answer", line=line, field=name)
    known = next((name for name in ("answers", "answer", "answerable", *GOLD) if row.get(name) is not None), None)
    if known:
        raise InvalidRow(f"the row says what is right by better and worse; leave out {known}", line=line, field=known)
    pair = Pair(texts["question"], texts["better"], texts["worse"], texts["reference"])
    id = texts["id"] or content_id("case", pair_text(pair))
    first = share_of(id, salt="position") < 0.5
    question = pair_text(pair if first else pair.swapped)
    return {**row, "id": id, "question": question, "answers": ["first" if first else "second"]}


def _text(row: Mapping[str, Any], field: str, line: int) -> str:
    value = row.get(field, "")
    if not isinstance(value, str):
        raise InvalidRow(f"{value!r} is not text", line=line, field=field)
    return value


def _answers(row: Mapping[str, Any], line: int, *, elsewhere: bool) -> tuple[str, ...]:
    """elsewhere: whether another field says what is right."""
    if "answers" in row and "answer" in row:
        raise InvalidRow("give answers or answer, not both", line=line, field="answer")
    given = row.get("answers", [row["answer"]] if row.get("answer") is not None else [])
    field = "answers" if "answers" in row else "answer"
    if not isinstance(given, list) or not all(isinstance(a, str) and a.strip() for a in given):
        raise InvalidRow(f"{row[field]!r} is not text that says something", line=line, field=field)
    answerable = row.get("answerable", bool(given) or elsewhere)
    if not isinstance(answerable, bool):
        raise InvalidRow(f"{answerable!r} is not true or false", line=line, field="answerable")
    if answerable and not given and not elsewhere:
        raise InvalidRow("an answerable case needs an answer", line=line, field="answers")
    if elsewhere and not answerable:
        raise InvalidRow(f"false, but the row has {' or '.join(g for g in GOLD if row.get(g))}", line=line,
                         field="answerable")  # fmt: skip
    return tuple(given) if answerable else ()


def _object(row: Mapping[str, Any], field: str, line: int) -> Mapping[str, Any]:
    value = row.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRow(f"{value!r:.60} is not an object", line=line, field=field)
    return value


def _relevant(row: Mapping[str, Any], line: int) -> Mapping[str, float]:
    value = row.get("relevant")
    if isinstance(value, list) and all(isinstance(name, str) and name.strip() for name in value):
        return dict.fromkeys(value, 1.0)
    graded = _object(row, "relevant", line)
    for name, grade in graded.items():
        number = isinstance(grade, int | float) and not isinstance(grade, bool)
        if not number or not math.isfinite(grade) or grade < 0:
            raise InvalidRow(f"{grade!r} is no grade; it is a number from 0", line=line, field=f"relevant.{name}")
    return {name: float(grade) for name, grade in graded.items()}


def _checks(row: Mapping[str, Any], line: int) -> Mapping[str, Any]:
    given = _object(row, "checks", line)
    for key, value in given.items():
        why = f"not a check{nearest(key, list(checks.KEYS))}" if key not in checks.KEYS else checks.fault(key, value)
        if why:
            raise InvalidRow(why, line=line, field=f"checks.{key}")
    return given
