"""The conformance suites pass for plain right backends; a suite that nothing can pass would test nothing."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from afina.contracts import Answerer, Control, Gather, Reader
from afina.domain.answer import Piece
from afina.domain.ask import Ask
from afina.domain.document import Parsed
from afina.errors import UnreadableDocument
from afina.testing.control_suite import ControlConformance
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
