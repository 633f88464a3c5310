"""A transformers tokenizer as the chat that masks are cut from."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from afina.domain.message import Message


class TokenizerChat:
    """Renders with the tokenizer's own template. `end_ids`: its end of turn."""

    def __init__(self, tokenizer: Any, *, end_ids: Sequence[int] = ()) -> None:
        self._tokenizer = tokenizer
        self._end_ids = frozenset(end_ids)

    @cached_property
    def end_ids(self) -> frozenset[int]:
        own = self._tokenizer.eos_token_id
        return self._end_ids or (frozenset() if own is None else frozenset([own]))

    def render(self, messages: Sequence[Message], *, open_answer: bool) -> str:
        turns = [{"role": m.role, "content": m.content} for m in messages]
        text: str = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=open_answer)
        return text

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids
