"""Routing: a draft that is not whole never stands, however sure the small model is of what there is of it."""

import asyncio

import pytest

from afina.border import aclosing
from afina.domain.answer import Answer, Failed, Finish, Logprobs, Piece, Text, TokenLogprob, collected
from afina.domain.ask import Ask, ask_of
from afina.errors import TooLong
from afina.mechanisms.answer import answer_with
from afina.mechanisms.control.routed import confident, routed
from afina.testing.control_suite import ScriptedAnswerer
from afina.testing.echo import EchoEngine

SURE = (Text(text="Forty euros"), Logprobs(tokens=(TokenLogprob("Forty", -0.001), TokenLogprob(" euros", -0.001))))
LARGE = ScriptedAnswerer((Text(text="Forty euros a month."), Finish(reason="stop")))


def trusting(ask: Ask, draft: Answer, /) -> tuple[bool, str]:
    return True, "as ever"


def answered(end: Piece) -> Answer:
    """The answer where the draft ends with `end`; the same whoever is asked to trust it."""
    small = ScriptedAnswerer((*SURE, end))
    answers = [
        asyncio.run(collected(routed(small, LARGE, trust=trust)(ask_of("What does it cost?"))))
        for trust in (confident(0.5), trusting)
    ]
    assert answers[0].text == answers[1].text
    return answers[0]


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (Failed(code="engine_error", message="it broke"), "the draft failed"),
        (Finish(reason="length"), "the draft was cut off"),
    ],
)
def test_a_draft_that_is_not_whole_does_not_stand(end: Piece, why: str) -> None:
    answer = answered(end)
    assert answer.text == "Forty euros a month."
    assert answer.failed is None
    assert answer.finish == "stop"
    assert [(c.chosen, c.why) for c in answer.chosen] == [("large", why)]


def test_a_whole_one_does() -> None:
    answer = answered(Finish(reason="stop"))
    assert answer.text == "Forty euros"
    assert [c.chosen for c in answer.chosen] == ["small"]


def test_what_the_large_model_refuses_is_refused_before_anything_is_said() -> None:
    small, large = answer_with(EchoEngine("unsure")), answer_with(EchoEngine(context_tokens=3))

    async def first() -> None:
        async with aclosing(routed(small, large, trust=confident(1.0))(ask_of("a b c d e f"))) as pieces:
            async for _ in pieces:
                pytest.fail("something was said before the refusal")

    with pytest.raises(TooLong):
        asyncio.run(first())
