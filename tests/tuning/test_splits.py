"""Splits: groups stay whole, nothing is lost, what a held-out row says leaves train."""

from afina.domain.example import Example
from afina.domain.message import Message
from afina.tuning.splits import distinct, split, without_overlap

LONG = "the quick brown fox jumps over the lazy dog while nine old owls look on from above"


def example(number: int, question: str, answer: str = "yes", group: str = "") -> Example:
    return Example(f"e{number}", (Message("user", question), Message("assistant", answer)), group or f"g{number}")


def test_groups_are_never_cut_and_nothing_is_lost() -> None:
    rows = [example(n, f"question number {n}?", group=f"g{n % 40}") for n in range(400)]
    parts = split(rows, held_out=0.2)
    assert {e.group for e in parts.train}.isdisjoint({e.group for e in parts.held_out})
    assert sorted(e.id for e in (*parts.train, *parts.held_out, *parts.removed)) == sorted(e.id for e in rows)
    assert 0 < len(parts.held_out) < 200
    assert parts == split(rows, held_out=0.2)
    assert split(rows, held_out=0.0).train == tuple(rows)


def test_duplicates_of_held_out_rows_leave_train() -> None:
    held = [example(1, LONG), example(2, "Is it?", "No!")]
    train = [
        example(3, LONG.upper() + "."),
        example(4, "is it", "no"),
        example(5, f"{LONG} and then some more words follow"),
        example(6, "something else entirely, which nobody has ever said before today in this place"),
        example(7, "is it", "yes"),
    ]
    parts = without_overlap(train, held)
    assert [e.id for e in parts.removed] == ["e3", "e4", "e5"]
    assert [e.id for e in parts.train] == ["e6", "e7"]


def test_system_messages_are_no_overlap() -> None:
    system = Message("system", LONG)
    held = Example("h", (system, Message("user", "one?"), Message("assistant", "1")))
    train = Example("t", (system, Message("user", "two?"), Message("assistant", "2")))
    assert without_overlap([train], [held]).train == (train,)


def test_distinct_keeps_the_first_of_each() -> None:
    rows = [example(1, "A b?"), example(2, "c?"), example(3, "a B")]
    assert [e.id for e in distinct(rows)] == ["e1", "e2"]
