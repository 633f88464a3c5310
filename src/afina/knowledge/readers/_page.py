"""Which page a reader has come to, for whoever wants to say where it broke."""

from collections.abc import Callable
from contextvars import ContextVar

REACHED: ContextVar[Callable[[int], None]] = ContextVar("REACHED", default=lambda page: None)


def reached(page: int) -> None:
    """Called by readers of paged formats before each page, from 1."""
    REACHED.get()(page)
