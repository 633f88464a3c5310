"""Named sets of examples, for demonstrations and for tuning."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from afina.domain.ask import Scope
from afina.domain.example import Example
from afina.domain.message import Message
from afina.errors import NotFound, nearest
from afina.store.db import Store


@dataclass(frozen=True, slots=True)
class Examples:
    """The `Demonstrations` of a workspace, and the only place that changes them."""

    store: Store

    def examples(self, scope: Scope, name: str) -> Sequence[Example]:
        """A named set in stored order. Raises NotFound with the nearest name."""
        with self.store.reading() as db:
            rows = db.execute(
                "SELECT id, messages, group_name FROM examples WHERE project = ? AND set_name = ? ORDER BY ordinal",
                (scope.project, name),
            ).fetchall()
        if not rows:
            raise NotFound(f'no set of examples is called "{name}"{nearest(name, self.names(scope))}')
        return [Example(row["id"], _messages(row["messages"]), row["group_name"]) for row in rows]

    def names(self, scope: Scope) -> list[str]:
        with self.store.reading() as db:
            rows = db.execute(
                "SELECT DISTINCT set_name FROM examples WHERE project = ? ORDER BY set_name", (scope.project,)
            )
            return [row["set_name"] for row in rows]

    def put(self, scope: Scope, name: str, examples: Sequence[Example]) -> None:
        """Keep a set under a name, in order, in place of what it held."""
        now = time.time()
        with self.store.writing() as db:
            db.execute("DELETE FROM examples WHERE project = ? AND set_name = ?", (scope.project, name))
            db.executemany(
                "INSERT INTO examples (project, set_name, ordinal, id, messages, group_name, added) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (scope.project, name, place, e.id, _json(e.messages), e.group, now)
                    for place, e in enumerate(examples)
                ],
            )

    def remove(self, scope: Scope, name: str) -> None:
        """Raises NotFound with the nearest name."""
        with self.store.writing() as db:
            done = db.execute("DELETE FROM examples WHERE project = ? AND set_name = ?", (scope.project, name))
            if not done.rowcount:
                raise NotFound(f'no set of examples is called "{name}"{nearest(name, self.names(scope))}')


def _json(messages: Sequence[Message]) -> str:
    return json.dumps([[m.role, m.content] for m in messages], ensure_ascii=False)


def _messages(text: str) -> tuple[Message, ...]:
    return tuple(Message(role, content) for role, content in json.loads(text))
