"""Which tokens of a conversation are learnt: the answer and its end of turn, whatever the chat template."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from afina.domain.example import Example
from afina.domain.message import Message
from afina.errors import DataError


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens of one example: ids[:prompt] are read, ids[prompt:] are learnt; 0 < prompt < len(ids)."""

    ids: tuple[int, ...]
    prompt: int

    @property
    def answer(self) -> tuple[int, ...]:
        return self.ids[self.prompt :]


class Chat(Protocol):
    """A tokenizer with its chat template."""

    @property
    def end_ids(self) -> Collection[int]:
        """Tokens that end an answer when the model generates."""
        ...

    def render(self, messages: Sequence[Message], *, open_answer: bool) -> str:
        """The conversation as text; `open_answer` adds what stands before the assistant's first word."""
        ...

    def encode(self, text: str) -> list[int]:
        """Token ids of text as it stands, nothing added."""
        ...


def row_of(example: Example, chat: Chat) -> Row:
    """The tokens of an example, split exactly where generation would start.

    The prompt is tokenised on its own, as it is when the model serves, so a tokenizer that merges across the border
    cannot shift it. What a template writes after the end of the turn is left out: it is never generated.

    Raises:
        DataError: the template does not show the answer, so nothing could be learnt.
    """
    *before, last = example.messages
    prompt = chat.render(before, open_answer=True)
    ids = chat.encode(prompt)
    answer = chat.encode(_answer_text(chat, before, last, prompt))
    end = next((place for place, token in enumerate(answer) if token in chat.end_ids), None)
    if end is not None:
        answer = answer[: end + 1]
    elif chat.end_ids:
        answer.append(min(chat.end_ids))
    if not ids or not answer:
        raise DataError(f"example {example.id}: the chat template leaves {'the prompt' if not ids else 'it'} empty")
    return Row((*ids, *answer), len(ids))


MARK = "\ue000answer\ue000"
"""Stands for an answer to find its place; private-use characters, which no text holds."""


def _answer_text(chat: Chat, before: Sequence[Message], last: Message, prompt: str) -> str:
    """What follows the prompt in the whole conversation.

    Some templates open an answer with words they do not write into a finished one (an empty thought, say);
    then the answer starts where its own content does, which a mark in its place tells.
    """
    whole = chat.render([*before, last], open_answer=False)
    if whole.startswith(prompt):
        return whole[len(prompt) :]
    place = chat.render([*before, replace(last, content=MARK)], open_answer=False).find(MARK)
    if place < 0 or not last.content.strip():
        raise DataError(f"the chat template does not show the answer {last.content[:60]!r}")
    return whole[place:]
