"""Tokens to text as they come: no character is sent before its last byte is there."""

from collections.abc import Callable, Sequence

Decode = Callable[[Sequence[int]], str]


class Speller:
    """Feed it token ids; it returns the text that they add.

    Decoding is done over a window that starts at the last safe place, since a token's text can depend on the one
    before it (spaces, bytes of one character).
    """

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._start = self._told = 0

    def feed(self, token: int) -> str:
        self._ids.append(token)
        before = self._decode(self._ids[self._start : self._told])
        now = self._decode(self._ids[self._start :])
        if now.endswith("\ufffd") or len(now) <= len(before):
            return ""
        self._start, self._told = self._told, len(self._ids)
        return now[len(before) :]

    def flush(self) -> str:
        """What is left when no more tokens come: bytes that never became a character are U+FFFD."""
        before = self._decode(self._ids[self._start : self._told])
        now = self._decode(self._ids[self._start :])
        self._start = self._told = len(self._ids)
        return now[len(before) :]
