"""Examples to learn from, cases to be measured on, and splits that never move."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from afina.domain.document import digest
from afina.domain.message import Message


@dataclass(frozen=True, slots=True)
class Example:
    """A conversation whose last message, the assistant's, is the one to learn.

    group: what it shares with others (a document, a user); splits never cut a group.
    """

    id: str
    messages: tuple[Message, ...]
    group: str = ""

    @property
    def digest(self) -> str:
        """Over its words and its group, whatever it is called."""
        return digest(self.group, *(part for m in self.messages for part in (m.role, m.content)))

    @property
    def question(self) -> str:
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")

    @property
    def answer(self) -> str:
        return self.messages[-1].content if self.messages and self.messages[-1].role == "assistant" else ""


@dataclass(frozen=True, slots=True)
class Case:
    """A question with its known answers, for measuring.

    answers: any of them is right; empty when the documents do not answer it.
    document: name of the document that answers it; span: the words there that do.
    group: cases that share a document or a user are resampled together.

    What other tasks know of a right answer: fields: the object to extract. relevant: document -> grade, for search.
    checks: what a text must obey (see evaluation/scorers/checks.py).
    """

    id: str
    question: str
    answers: tuple[str, ...]
    document: str = ""
    span: str = ""
    group: str = ""
    lang: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    relevant: Mapping[str, float] = field(default_factory=dict)
    checks: Mapping[str, Any] = field(default_factory=dict)

    @property
    def answerable(self) -> bool:
        return bool(self.answers or self.fields or self.relevant or self.checks)


def share_of(key: str, *, salt: str = "afina") -> float:
    """Where in [0, 1) a key falls, by sha256: the same on every machine, forever."""
    return int.from_bytes(hashlib.sha256(f"{salt}:{key}".encode()).digest()[:8], "big") / 2**64


def part_of(key: str, shares: Mapping[str, float], *, salt: str = "afina") -> str:
    """Which named part a key belongs to; shares are fractions in order and sum to 1."""
    place, edge = share_of(key, salt=salt), 0.0
    for name, share in shares.items():
        edge += share
        if place < edge:
            return name
    return name
