"""How far a long action is. Actions tell; edges show."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` in `unit`s of one stage; total 0 is unknown, left_s None is unknown.

    note: one line worth keeping on the screen (a failed file, a loss), empty for a mere tick.
    """

    stage: str
    done: float = 0
    total: float = 0
    unit: str = ""
    left_s: float | None = None
    note: str = ""


Tell = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """For callers that do not look."""
