"""What every control mechanism must do, as tests. Subclass `ControlConformance` and give it the fixture `control`."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from afina.contracts import Answerer, Control
from afina.domain.answer import Failed, Finish, Logprobs, Piece, Text, TokenLogprob, Used, collected
from afina.domain.ask import Ask, ask_of
from afina.errors import EngineError
from afina.testing.engine_suite import run, seconds_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard(Piece):
    """A piece that no mechanism knows."""

    what: str


def sure_of(*tokens: str) -> Logprobs:
    """The log-probabilities of a model that doubts none of its tokens: a draft with them may stand."""
    return Logprobs(tokens=tuple(TokenLogprob(token, -0.01) for token in tokens))


@dataclass
class ScriptedAnswerer:
    """Yields its pieces, `delay_s` before each; counts the streams that are open and those left early."""

    pieces: tuple[Piece, ...] = (
        Text(text="Fine"),
        Text(text=" words."),
        sure_of("Fine", " words."),
        Used(completion_tokens=2),
        Finish(reason="stop"),
    )
    delay_s: float = 0.0
    error: EngineError | None = None
    asked: list[Ask] = field(default_factory=list)
    open: int = 0
    left: int = 0

    async def __call__(self, ask: Ask, /) -> AsyncIterator[Piece]:
        self.asked.append(ask)
        if self.error is not None:
            raise self.error
        self.open += 1
        done = False
        try:
            for piece in self.pieces:
                await asyncio.sleep(self.delay_s)
                yield piece
            done = True
        finally:
            self.open -= 1
            self.left += not done


async def echoed(ask: Ask, /) -> AsyncIterator[Piece]:
    """An answerer that gives every question back after a moment, sure of itself."""
    await asyncio.sleep(0.01)
    yield Text(text=ask.question)
    yield sure_of(ask.question)
    yield Finish(reason="stop")


class ControlConformance:
    """A control decides who answers and what may pass; passes on what it does not know; keeps no work alive.

    Whoever else answers in the fixture's control (a large model) answers with the question, as `echoed` does.
    """

    question = "What is the capital of France?"

    @pytest.fixture
    def control(self) -> Control:
        raise NotImplementedError("give the suite a control mechanism: Answerer -> Answerer")

    def test_an_answer_comes_with_one_end(self, control: Control) -> None:
        answer = run(collected(control(ScriptedAnswerer())(ask_of(self.question))))
        assert answer.text
        assert [type(p) for p in answer.pieces].count(Finish) == 1
        assert isinstance(answer.pieces[-1], Finish) or answer.finish

    def test_unknown_pieces_pass(self, control: Control) -> None:
        inner = ScriptedAnswerer((Text(text="a"), sure_of("a"), Unheard(what="kept"), Finish(reason="stop")))
        answer = run(collected(control(inner)(ask_of(self.question))))
        if answer.text == "a":  # only what is answered passes; a rejected draft does not
            assert Unheard(what="kept") in [p for p in answer.pieces if isinstance(p, Unheard)]

    def test_the_request_reaches_the_model(self, control: Control) -> None:
        inner = ScriptedAnswerer()
        ask = ask_of(self.question)
        run(collected(control(inner)(ask)))
        assert all(seen.scope == ask.scope and seen.question == ask.question for seen in inner.asked)

    def test_leaving_closes_what_is_inside(self, control: Control) -> None:
        endless = ScriptedAnswerer(tuple(Text(text=f" {n}") for n in range(1000)), delay_s=0.01)
        assert run(_seconds_to_leave(control(endless), endless)) < 2
        assert endless.open == 0

    def test_cancelling_closes_what_is_inside(self, control: Control) -> None:
        endless = ScriptedAnswerer(tuple(Text(text=f" {n}") for n in range(1000)), delay_s=0.01)

        async def cancel() -> None:
            task = asyncio.create_task(collected(control(endless)(ask_of(self.question))))
            await asyncio.sleep(0.1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        run(cancel())
        assert endless.open == 0

    def test_an_early_failure_is_an_exception_or_mended(self, control: Control) -> None:
        broken = ScriptedAnswerer(error=EngineError("it broke"))
        try:
            answer = run(collected(control(broken)(ask_of(self.question))))
        except EngineError:
            return
        assert answer.text or answer.failed

    def test_a_late_failure_is_told_or_mended(self, control: Control) -> None:
        half = (Text(text="half"), sure_of("half"), Failed(code="engine_error", message="it broke"))
        answer = run(collected(control(ScriptedAnswerer(half))(ask_of(self.question))))
        assert answer.failed or answer.finish

    def test_answers_side_by_side_do_not_mix(self, control: Control) -> None:
        questions = [f"{self.question} {n}" for n in range(8)]

        async def together(answerer: Answerer) -> list[str]:
            answers = await asyncio.gather(*(collected(answerer(ask_of(q))) for q in questions))
            return [a.text for a in answers]

        assert run(together(control(echoed))) == questions


async def _seconds_to_leave(answerer: Answerer, inner: ScriptedAnswerer) -> float:
    async def first() -> None:
        async with aclosing(answerer(ask_of("Go on."))) as pieces:  # type: ignore[type-var]
            async for _ in pieces:
                return

    started = asyncio.create_task(first())
    await asyncio.wait([started], timeout=0.5)  # a control that drains drafts has not yielded yet: cancel it
    left = time.monotonic()
    started.cancel()
    await asyncio.gather(started, return_exceptions=True)
    return time.monotonic() - left + await seconds_until(lambda: inner.open == 0)
