"""What rows, cases and documents share: whole questions, eight words in a row, and no less."""

from afina.domain.example import Case, Example
from afina.domain.message import Message
from afina.evaluation.overlap import asked_in, overlap

EIGHT = "who may open the small gate at night"


def row(name: str, question: str, answer: str = "Ann") -> Example:
    return Example(name, (Message("system", EIGHT), Message("user", question), Message("assistant", answer)))


def test_a_whole_question_counts_however_it_is_written() -> None:
    found, touched = overlap([row("r1", "who SIGNS it?!"), row("r2", "Who?")], [Case("c1", "Who signs it?", ("Bo",))])
    assert (found.exact, found.near, touched) == (("c1",), (), frozenset({"r1"}))


def test_eight_words_in_a_row_count_in_every_case_that_has_them() -> None:
    cases = [Case("c1", f"Say {EIGHT}", ("a",)), Case("c2", f"Tell {EIGHT} here", ("b",)), Case("c3", "Why?", ("c",))]
    found, touched = overlap([row("r1", f"I ask {EIGHT}, please")], cases)
    assert (found.near, touched) == (("c1", "c2"), frozenset({"r1"}))
    seven = EIGHT.rpartition(" ")[0]
    assert overlap([row("r1", f"I ask {seven} please")], cases)[0].near == ()


def test_the_span_of_a_case_counts_and_instructions_do_not() -> None:
    case = Case("c1", "Who?", ("Ann",), document="gates.md", span=f"They say {EIGHT} always")
    assert overlap([row("r1", "Another thing", f"So {EIGHT} then")], [case])[0].near == ("c1",)
    assert overlap([row("r1", "Another thing")], [case])[0].near == ()  # the system message holds the eight words


def test_the_question_below_sources_is_found() -> None:
    asked = "Sources:\n[1] gates.md\nText\n\nQuestion: Who signs it?"
    assert overlap([row("r1", asked)], [Case("c1", "Who signs it?", ("Bo",))])[0].exact == ("c1",)


def test_questions_that_stand_in_the_documents_are_told() -> None:
    cases = [Case("c1", f"Then {EIGHT}?", ("a",)), Case("c2", "Who may open it?", ("b",))]
    assert asked_in([f"FAQ. {EIGHT.upper()}? Ann may.", "Who may open it? Nobody."], cases) == ("c1",)
