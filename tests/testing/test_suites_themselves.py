"""The conformance suites pass for plain right backends, and fail for wrong ones: else they would test nothing."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from afina.contracts import Answerer, Control, Gather, Reader
from afina.domain.answer import Piece, collected
from afina.domain.ask import Ask, ask_of
from afina.domain.document import Parsed
from afina.errors import UnreadableDocument
from afina.testing.control_suite import ControlConformance, ScriptedAnswerer
from afina.testing.fakes import WordRetriever
from afina.testing.gather_suite import GatherConformance
from afina.testing.reader_suite import ReaderConformance
from afina.testing.retriever_suite import RetrieverConformance, RetrieverOver


class TestGather(GatherConformance):
    gathers = ("instructions",)

    @pytest.fixture
    def gather(self) -> Gather:
        return lambda ask: ask.adding(instructions=("Answer in one word.",))


class TestControl(ControlConformance):
    @pytest.fixture
    def control(self) -> Control:
        def passing(inner: Answerer) -> Answerer:
            async def answer(ask: Ask, /) -> AsyncIterator[Piece]:
                async with aclosing(inner(ask)) as pieces:  # type: ignore[type-var]
                    async for piece in pieces:
                        yield piece

            return answer

        return passing


def mixing(inner: Answerer) -> Answerer:
    """A wrong control: it answers whatever was asked last."""
    asked: list[Ask] = []

    async def answer(ask: Ask, /) -> AsyncIterator[Piece]:
        asked.append(ask)
        await asyncio.sleep(0.01)
        async with aclosing(inner(asked[-1])) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                yield piece

    return answer


def test_a_control_that_mixes_answers_is_caught() -> None:
    with pytest.raises(AssertionError):
        ControlConformance().test_answers_side_by_side_do_not_mix(mixing)


def test_a_gather_that_mixes_requests_is_caught() -> None:
    asked: list[str] = []

    def gather(ask: Ask) -> Ask:
        asked.append(ask.question)
        time.sleep(0.005)
        return ask.adding(background=(asked[-1],))

    with pytest.raises(AssertionError):
        GatherConformance().test_it_may_run_side_by_side(gather)


def test_the_scripted_answerer_is_sure_of_itself() -> None:
    """So that a draft of it may stand, and both ways of a control are met."""
    answer = asyncio.run(collected(ScriptedAnswerer()(ask_of("?"))))
    assert "".join(t.token for t in answer.logprobs) == answer.text
    assert all(t.logprob > -0.1 for t in answer.logprobs)


class TestReader(ReaderConformance):
    expected = ("One line.", "Ñandú.")

    @pytest.fixture
    def reader(self) -> Reader:
        def read(data: bytes, name: str, /) -> Parsed:
            try:
                return Parsed(data.decode())
            except UnicodeDecodeError as error:
                raise UnreadableDocument(f"not UTF-8 at byte {error.start}") from error

        return read

    @pytest.fixture
    def sample(self) -> bytes:
        return "One line.\nÑandú.\n".encode()


class TestRetriever(RetrieverConformance):
    @pytest.fixture
    def retriever_over(self) -> RetrieverOver:
        return WordRetriever  # type: ignore[return-value]
