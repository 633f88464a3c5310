"""Packs hold every row exactly once, and only what is common to prompts is shared."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from afina.tuning.masks import Row
from afina.tuning.packing import MIN_SHARED, epoch_of, groups_of, pack_of


@st.composite
def row_lists(draw: st.DrawFn) -> list[Row]:
    starts = draw(st.lists(st.integers(1, 3), min_size=1, max_size=12))
    rows = []
    for start in starts:
        own = tuple(draw(st.lists(st.integers(4, 6), min_size=1, max_size=5)))
        answer = tuple(draw(st.lists(st.integers(7, 9), min_size=1, max_size=3)))
        prompt = (start,) * draw(st.integers(1, 50)) + own
        rows.append(Row((*prompt, *answer), len(prompt)))
    return rows


@settings(max_examples=60)
@given(rows=row_lists(), share=st.integers(1, 4), batch=st.integers(1, 5))
def test_every_row_once_an_epoch(rows: list[Row], share: int, batch: int) -> None:
    steps = epoch_of(groups_of(rows), batch_rows=batch, share_rows=share, seed=3)
    packs = [pack for step in steps for pack in step]
    assert Counter(row for pack in packs for row in pack.rows) == Counter(rows)
    for pack in packs:
        assert len(pack.rows) <= share
        assert len({row.ids[: pack.prefix] for row in pack.rows}) == 1
        assert all(pack.prefix < row.prompt for row in pack.rows)
    assert all(sum(len(pack.rows) for pack in step) < batch + share for step in steps)


def test_rows_about_one_passage_share_it() -> None:
    passage = tuple(range(100, 200))
    rows = [Row((*passage, n, 7), 101) for n in range(4)] + [Row((*range(300, 350), 7), 50)]
    groups = groups_of(rows)
    assert sorted(map(len, groups)) == [1, 4]
    pack = pack_of(groups[0] if len(groups[0]) == 4 else groups[1])
    assert pack.prefix == 100
    assert pack.tokens == 100 + 4 * 2


def test_short_beginnings_are_not_worth_sharing() -> None:
    rows = [Row((*(1,) * (MIN_SHARED - 2), n, 7), MIN_SHARED - 1) for n in range(2, 5)]
    assert [len(group) for group in groups_of(rows)] == [1, 1, 1]


def test_order_depends_on_the_seed_alone() -> None:
    rows = [Row((n, n, 1), 2) for n in range(50)]
    one, same, other = (
        epoch_of(groups_of(r), batch_rows=8, share_rows=2, seed=s) for r, s in ((rows, 1), (rows[::-1], 1), (rows, 2))
    )
    assert one == same
    assert one != other
