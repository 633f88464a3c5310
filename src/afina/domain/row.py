"""One finished case of one arm, as it is stored and counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from afina.domain.answer import Used

Pass = Literal["quality", "latency", "judge"]


@dataclass(frozen=True, slots=True)
class Source:
    """A passage that stood in a prompt, by name only: reports and the store keep no text of documents."""

    document: str
    heading: str = ""
    passage: str = ""
    page: int | None = None
    cited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One finished case of one arm in one pass.

    scores: scorer -> value (higher is better, None is no verdict); whys: what a scorer said about it, where it did.
    failed: what went wrong, empty if it answered. retriable: someone outside failed; asking again may help.
    used.cpu_s: the engine's CPU-seconds, this case's share of its block; own_cpu_s: those of this process, likewise.
    wall_s, energy_j: its share of the block's time, and of the energy that the machine's counters saw (None: none).
    peak_bytes: the most memory that all processes took during its block (an upper bound: they share libraries).
    prompts: for each call of a model, the digests of the messages that it read (their texts are kept apart).
    confidence: the probability that a classifier gave its answer.
    """

    arm: str
    case: str
    turn: Pass
    block: int
    answer: str = ""
    scores: Mapping[str, float | None] = field(default_factory=dict)
    used: Used = field(default_factory=Used)
    sources: tuple[Source, ...] = ()
    failed: str = ""
    retriable: bool = False
    peak_bytes: int | None = None
    whys: Mapping[str, str] = field(default_factory=dict)
    own_cpu_s: float | None = None
    wall_s: float | None = None
    energy_j: float | None = None
    prompts: tuple[tuple[str, ...], ...] = ()
    confidence: float | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.arm, self.turn, self.case)
