"""Gather, assemble, generate, cite: what leaves an Answerer and what never does."""

import asyncio
from collections.abc import Sequence

import pytest

from afina.border import aclosing
from afina.contracts import Answerer
from afina.domain.answer import Answer, Assembled, Cited, Finish, Sources, Text, collected
from afina.domain.ask import Ask, Sampling, Scope, ask_of
from afina.domain.document import Found, Passage
from afina.domain.message import Message
from afina.errors import EngineError, TooLong
from afina.mechanisms.answer import answer_with
from afina.mechanisms.control.routed import confident, routed
from afina.testing.echo import EchoEngine

FOUND = Found(Passage("psg-1", "doc-1", "lease", "The lease costs 40 euros.", 0, 25, lang="en"), score=1.0)


def knowledge(ask: Ask) -> Ask:
    return ask.adding(found=(FOUND,))


def cite(text: str, found: Sequence[Found]) -> list[Cited]:
    return [Cited(0, len(text), 1 if text in found[0].passage.text else None)]


def answered(answerer: Answerer, ask: Ask) -> Answer:
    return asyncio.run(collected(answerer(ask)))


def test_sources_are_what_stood_in_the_prompt_and_citations_come_before_the_finish() -> None:
    engine = EchoEngine("40 euros")
    answer = answered(answer_with(engine, gather=[knowledge], cite=cite), ask_of("What does it cost?"))
    assert answer.text == "40 euros"
    assert answer.sources == (FOUND,)
    assert [c.source for c in answer.citations] == [1]
    kinds = [type(p) for p in answer.pieces]
    assert kinds[:2] == [Assembled, Sources]
    assert kinds.index(Cited) < kinds.index(Finish)
    assert "The lease costs 40 euros." in engine.asked[0].messages[-1].content


def test_a_passage_that_did_not_fit_is_no_source() -> None:
    engine = EchoEngine("I do not know", context_tokens=40)
    ask = Ask(Scope(), (Message("user", "word " * 20),), Sampling(max_tokens=10))
    answer = answered(answer_with(engine, gather=[knowledge], cite=cite), ask)
    assert answer.sources == ()
    assert answer.citations == ()
    assert answer.assembled is not None
    assert answer.assembled.left_out == ("passages: psg-1",)


def test_too_long_is_an_exception_before_the_first_piece() -> None:
    async def first() -> None:
        async with aclosing(answer_with(EchoEngine(context_tokens=10))(ask_of("word " * 50))) as pieces:
            async for _ in pieces:
                pytest.fail("something was emitted before the refusal")

    with pytest.raises(TooLong) as refused:
        asyncio.run(first())
    assert refused.value.context_tokens == 10
    assert refused.value.prompt_tokens >= 50


def test_leaving_the_stream_cancels_the_engine() -> None:
    engine = EchoEngine("one two three four", delay_s=0.01)

    async def leave_early() -> None:
        async with aclosing(answer_with(engine)(ask_of("Hi"))) as pieces:
            async for piece in pieces:
                if isinstance(piece, Text):
                    return

    asyncio.run(leave_early())
    assert engine.cancelled == 1
    assert engine.running == 0


def test_citations_belong_to_their_choice() -> None:
    engine = EchoEngine(lambda prompt, choice: ["40 euros", "free"][choice])
    answerer = answer_with(engine, gather=[knowledge], cite=cite)
    pieces = answered(answerer, ask_of("?", sampling=Sampling(n=2))).pieces
    assert {(p.choice, p.source) for p in pieces if isinstance(p, Cited)} == {(0, 1), (1, None)}


def test_routed_keeps_a_sure_draft_and_never_shows_a_rejected_one() -> None:
    small, large = answer_with(EchoEngine("small says")), answer_with(EchoEngine("large says"))
    sure = answered(routed(small, large, trust=confident(0.5)), ask_of("?"))
    assert sure.text == "small says"
    assert sure.logprobs == ()  # the client did not ask for them
    unsure = answered(routed(small, large, trust=confident(0.95)), ask_of("?"))
    assert unsure.text == "large says"
    assert [c.chosen for c in unsure.chosen] == ["large"]
    assert unsure.used.completion_tokens == 4  # the draft's two words were paid for too


def test_routed_sends_abstentions_on() -> None:
    small = answer_with(EchoEngine("not in the documents"))
    answer = answered(routed(small, answer_with(EchoEngine("40 euros")), trust=confident(0.0)), ask_of("?"))
    assert answer.text == "40 euros"


def test_an_engine_that_fails_late_fails_in_the_stream() -> None:
    engine = EchoEngine("one two three", error=EngineError("the engine died"), fail_after=1)
    answer = answered(answer_with(engine), ask_of("?"))
    assert answer.failed is not None
    assert "died" in answer.failed.message
