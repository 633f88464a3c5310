"""What is learnt from and what is measured on: apart by group, and without rows that say the same."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from afina.domain.example import Example, part_of

GRAM = 8
"""Words in a row by which two texts are compared."""

NEAR = 0.5
"""Share of a row's grams found in one held-out row from which it is a near duplicate."""


@dataclass(frozen=True, slots=True)
class Split:
    """removed: rows that were taken out of train because a held-out row says the same."""

    train: tuple[Example, ...]
    held_out: tuple[Example, ...]
    removed: tuple[Example, ...] = ()


def split(examples: Sequence[Example], *, held_out: float) -> Split:
    """Groups to either part by the hash of their name, the same every time; near duplicates leave train.

    held_out: share of the groups, from 0 to below 1.
    """
    shares = {"train": 1 - held_out, "held_out": held_out}
    parts = [part_of(example.group, shares, salt="tuning") if held_out else "train" for example in examples]
    measured = tuple(e for e, part in zip(examples, parts, strict=True) if part == "held_out")
    return without_overlap([e for e, part in zip(examples, parts, strict=True) if part == "train"], measured)


def without_overlap(train: Sequence[Example], held_out: Sequence[Example]) -> Split:
    """Take rows out of train that equal a held-out row but for case and punctuation, or share half of its 8-grams.

    What is compared is question and answer; system messages are the same everywhere and say nothing.
    """
    holders: dict[tuple[str, ...], set[int]] = {}
    whole = set()
    for place, example in enumerate(held_out):
        words = _words(example)
        whole.add(words)
        for gram in _grams(words):
            holders.setdefault(gram, set()).add(place)
    kept: list[Example] = []
    removed: list[Example] = []
    for example in train:
        words = _words(example)
        overlaps = words in whole or _overlap(_grams(words), holders) >= NEAR
        (removed if overlaps else kept).append(example)
    return Split(tuple(kept), tuple(held_out), tuple(removed))


def distinct(examples: Sequence[Example]) -> list[Example]:
    """The first of each set of rows that say the same word for word."""
    first: dict[tuple[str, ...], Example] = {}
    for example in examples:
        first.setdefault(_words(example), example)
    return list(first.values())


def _words(example: Example) -> tuple[str, ...]:
    text = " ".join(m.content for m in example.messages if m.role not in ("system", "developer"))
    return tuple(re.findall(r"\w+", text.casefold()))


def _grams(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    return {words[at : at + GRAM] for at in range(len(words) - GRAM + 1)}


def _overlap(grams: set[tuple[str, ...]], holders: dict[tuple[str, ...], set[int]]) -> float:
    """The largest share of the grams that one held-out row has too."""
    if not grams:
        return 0.0
    counted = Counter(place for gram in grams for place in holders.get(gram, ()))
    return max(counted.values(), default=0) / len(grams)
