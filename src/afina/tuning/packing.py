"""Batches without padding in which rows that start alike share their start.

Questions about one passage have the same long beginning. A causal model reads it the same way for each, so it is
computed once: a pack is that beginning followed by one branch per row, each branch seeing the beginning and itself.
Loss and gradients are those of the separate rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from afina.tuning.masks import Row

MIN_SHARED = 32
"""Tokens in common below which a pack is not worth its attention mask."""


@dataclass(frozen=True, slots=True)
class Pack:
    """`prefix` tokens in common, then the rest of each row; rows keep their whole ids."""

    prefix: int
    rows: tuple[Row, ...]

    @property
    def tokens(self) -> int:
        """Tokens computed, the common ones once."""
        return self.prefix + sum(len(row.ids) - self.prefix for row in self.rows)


def groups_of(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows put together by a common beginning of at least half of each prompt; every row is in exactly one group."""
    groups: list[list[Row]] = []
    shared = 0
    for row in sorted(rows, key=lambda r: r.ids):
        common = _common(groups[-1][0], row) if groups else 0
        if groups and min(common, shared or common) >= max(MIN_SHARED, row.prompt // 2):
            shared = min(common, shared or common)
            groups[-1].append(row)
        else:
            groups.append([row])
            shared = 0
    return groups


def epoch_of(groups: Sequence[Sequence[Row]], *, batch_rows: int, share_rows: int, seed: int) -> list[list[Pack]]:
    """One pass over all rows in random order, as steps of about `batch_rows` rows; the same for the same seed.

    share_rows: the most rows that share one beginning in a pack; 1 computes every row alone.
    """
    random = np.random.default_rng(seed)
    packs: list[Pack] = []
    for group in groups:
        order = [group[place] for place in random.permutation(len(group))]
        packs += [pack_of(order[at : at + share_rows]) for at in range(0, len(order), share_rows)]
    return list(_steps([packs[place] for place in random.permutation(len(packs))], batch_rows))


def pack_of(rows: Sequence[Row]) -> Pack:
    """Rows as a pack; the common beginning ends before the first row's answer, so every answer token has its place."""
    if len(rows) == 1:
        return Pack(0, tuple(rows))
    shared = min(_common(rows[0], row) for row in rows[1:])
    return Pack(min(shared, *(row.prompt - 1 for row in rows)), tuple(rows))


def _steps(packs: Sequence[Pack], batch_rows: int) -> Iterator[list[Pack]]:
    step: list[Pack] = []
    for pack in packs:
        step.append(pack)
        if sum(len(p.rows) for p in step) >= batch_rows:
            yield step
            step = []
    if step:
        yield step


def _common(one: Row, other: Row) -> int:
    """Length of the common beginning of two prompts."""
    for place, (a, b) in enumerate(zip(one.ids[: one.prompt], other.ids[: other.prompt], strict=False)):
        if a != b:
            return place
    return min(one.prompt, other.prompt)
