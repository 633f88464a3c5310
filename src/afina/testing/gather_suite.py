"""What every gather mechanism must do, as tests. Subclass `GatherConformance` and give it the fixture `gather`."""

import copy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import pytest

from afina.contracts import Gather
from afina.domain.ask import Ask, Gathered, Sampling, Scope, ask_of
from afina.domain.document import Found
from afina.domain.example import Example
from afina.domain.message import Message
from afina.testing.fakes import document_of, passage_of


class GatherConformance:
    """A gather adds parts to what the model may see and changes nothing else.

    question: one for which it gathers something; gathers: the parts (fields of Gathered) that then grow.
    """

    question = "How do I open a file?"
    gathers: tuple[str, ...] = ()

    @pytest.fixture
    def gather(self) -> Gather:
        raise NotImplementedError("give the suite a gather mechanism")

    def test_it_adds_what_it_says(self, gather: Gather) -> None:
        grown = gather(ask_of(self.question)).gathered
        for part in fields(Gathered):
            assert bool(getattr(grown, part.name)) == (part.name in self.gathers), part.name

    def test_what_came_before_stays_and_comes_first(self, gather: Gather) -> None:
        before = _full_ask(self.question)
        after = gather(before).gathered
        for part in fields(Gathered):
            old, new = getattr(before.gathered, part.name), getattr(after, part.name)
            if part.name != "found":  # found is best first over all stages: old passages may move, none may go
                assert new[: len(old)] == old
            assert set(map(repr, old)) <= set(map(repr, new))

    def test_the_request_itself_is_not_touched(self, gather: Gather) -> None:
        before = _full_ask(self.question)
        kept = copy.deepcopy(before)
        after = gather(before)
        assert before == kept
        assert replace(after, gathered=before.gathered) == before

    def test_the_same_request_gathers_the_same(self, gather: Gather) -> None:
        assert gather(ask_of(self.question)) == gather(ask_of(self.question))

    def test_it_may_run_side_by_side(self, gather: Gather) -> None:
        asks = [ask_of(f"{self.question} {n}") for n in range(16)]
        alone = [gather(ask) for ask in asks]
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(gather, asks)) == alone

    @pytest.mark.parametrize("question", ["", " \n", "¿" * 3000, '"; DROP TABLE documents; --', "NEAR(a b)* OR ^x"])
    def test_any_question_is_bearable(self, gather: Gather, question: str) -> None:
        assert gather(ask_of(question)).question == question

    def test_a_request_without_messages_is_bearable(self, gather: Gather) -> None:
        assert gather(Ask(Scope(), ())).messages == ()


def _full_ask(question: str) -> Ask:
    """A request in which everything is set and every part has been gathered once."""
    found = Found(passage_of(document_of("earlier.md", "Found by a stage that ran before.")), 0.5)
    example = Example("ex-1", (Message("user", "2+2?"), Message("assistant", "4")))
    gathered = Gathered(("Be brief.",), (example,), (found,), ("The user is a nurse.",))
    messages = (Message("system", "You help."), Message("user", question))
    return Ask(
        Scope(), messages, Sampling(temperature=0.5, stop=("x",)), adapter="a" * 64,
        gathered=gathered, budget_tokens=900, deadline_s=9.0,
    )  # fmt: skip
