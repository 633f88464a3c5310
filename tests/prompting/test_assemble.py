"""Assembling under a budget: what stands, what is left out, and that the account adds up."""

from collections.abc import Sequence

import pytest

from afina.domain.ask import Ask, Gathered, Scope
from afina.domain.document import Found, Passage
from afina.domain.example import Example
from afina.domain.message import Message
from afina.prompting.assemble import AssemblyPolicy, Tokenised, assembled
from afina.prompting.template import reading_messages


def words(text: str) -> int:
    return len(text.split())


def conversation(messages: Sequence[Message]) -> int:
    return sum(words(m.content) + 2 for m in messages)


COUNT = Tokenised(messages=conversation, text=words)


def found(name: str, text: str, lang: str = "en") -> Found:
    return Found(Passage(f"psg-{name}", f"doc-{name}", name, text, 0, len(text), lang=lang), score=1.0)


def example(name: str, question: str, answer: str) -> Example:
    return Example(name, (Message("system", "old"), Message("user", question), Message("assistant", answer)))


def ask(**gathered: tuple[object, ...]) -> Ask:
    return Ask(Scope(), (Message("user", "What does the lease cost?"),), gathered=Gathered(**gathered))  # type: ignore[arg-type]


def test_everything_stands_in_its_place_when_there_is_room() -> None:
    request = ask(
        instructions=("Be brief.",),
        demonstrations=(example("e1", "What is it?", "A lamp."),),
        found=(found("lease", "It costs 40 euros."), found("rent", "Rent is monthly.")),
        background=("We are a hotel.",),
    )
    messages, sources, account = assembled(request, count=COUNT, budget_tokens=1000)
    assert [m.role for m in messages] == ["system", "user", "assistant", "user"]
    assert messages[0].content == "Be brief.\n\nWhat you should know:\nWe are a hotel."
    assert messages[1].content == "What is it?"
    expected = "[1] lease\nIt costs 40 euros.\n\n[2] rent\nRent is monthly.\n\nQuestion: What does the lease cost?"
    assert messages[3].content == expected
    assert [f.passage.document for f in sources] == ["lease", "rent"]
    assert account.left_out == ()
    assert account.tokens["total"] == conversation(messages)
    assert sum(v for k, v in account.tokens.items() if k != "total") == account.tokens["total"]


def test_what_does_not_fit_is_named_and_the_best_stays() -> None:
    request = ask(found=(found("first", "a b c d e f g h"), found("second", "a b c d e f g h")))
    messages, sources, account = assembled(request, count=COUNT, budget_tokens=30)
    assert [f.passage.document for f in sources] == ["first"]
    assert account.left_out == ("passages: psg-second",)
    assert conversation(messages) <= 30


def test_a_worse_passage_never_takes_the_place_of_a_better_one() -> None:
    request = ask(found=(found("long", "word " * 50), found("short", "tiny")))
    _, sources, account = assembled(request, count=COUNT, budget_tokens=40)
    assert sources == ()
    assert len(account.left_out) == 2


def test_the_policy_decides_who_goes_first() -> None:
    request = ask(
        demonstrations=(example("e1", "one two three four five", "six"),),
        found=(found("p", "one two three four five six"),),
    )
    demonstrations_first = AssemblyPolicy(order=("demonstrations", "passages", "background"), shares={})
    _, sources, account = assembled(request, count=COUNT, budget_tokens=34, policy=demonstrations_first)
    assert sources == ()
    assert account.left_out == ("passages: psg-p",)
    _, sources, account = assembled(request, count=COUNT, budget_tokens=34)
    assert len(sources) == 1
    assert account.left_out == ("demonstrations: e1",)


def test_what_the_client_said_is_never_dropped() -> None:
    messages, _, account = assembled(ask(instructions=("Obey me.",)), count=COUNT, budget_tokens=1)
    assert [m.content for m in messages] == ["Obey me.", "What does the lease cost?"]
    assert account.tokens["total"] > 1


def test_sources_stand_above_the_last_question_only() -> None:
    turns = (Message("user", "Hi"), Message("assistant", "Hello"), Message("user", "And the price?"))
    request = Ask(Scope(), turns, gathered=Gathered(found=(found("p", "It is 3."),)))
    messages, _, _ = assembled(request, count=COUNT, budget_tokens=1000)
    assert messages[0].content == "Hi"
    assert messages[-1].content == "[1] p\nIt is 3.\n\nQuestion: And the price?"


@pytest.mark.parametrize(("lang", "label"), [("en", "Question"), ("es", "Pregunta")])
def test_tuning_rows_look_like_what_is_served(lang: str, label: str) -> None:
    row = reading_messages("What does the lease cost?", [("lease", "It costs 40 euros.")], lang)
    request = ask(instructions=(row[0].content,), found=(found("lease", "It costs 40 euros.", lang),))
    served, _, _ = assembled(request, count=COUNT, budget_tokens=1000)
    assert served == row
    assert f"{label}: What" in row[1].content
