"""The mechanisms that ship, against the suites that every gather and every control must pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from afina import plugins
from afina.contracts import Answerer, Classifier, Control, Embedder, Gather, Retriever
from afina.domain.answer import Finish, Logprobs, Text, TokenLogprob, collected
from afina.domain.artefact import Stage
from afina.domain.ask import Scope, ask_of
from afina.domain.document import Found
from afina.domain.example import Example
from afina.domain.message import Message
from afina.errors import NotFound
from afina.heads.linear import Head
from afina.parts import control_of, gather_of
from afina.testing.control_suite import ControlConformance, ScriptedAnswerer, echoed
from afina.testing.engine_suite import run
from afina.testing.fakes import ListDemonstrations, ListPassages, WordEmbedder, WordRetriever, document_of, passage_of
from afina.testing.gather_suite import GatherConformance


def example(question: str, answer: str) -> Example:
    return Example(question, (Message("user", question), Message("assistant", answer)))


EXAMPLES = [
    example("How do I close a file?", "With close()."),
    example("How do I open a socket?", "With socket.socket()."),
    example("What is a list?", "A mutable sequence."),
]
PAGES = {
    "files.md": "You open a file with the function open().",
    "sockets.md": "You open a socket with socket.socket().",
    "lists.md": "A list is a mutable sequence.",
}


def shelved() -> ListPassages:
    stored = ListPassages()
    for name, text in PAGES.items():
        stored.put(document_of(name, text))
    return stored


@dataclass
class Shelf:
    """What mechanisms are built from, in memory. answerers: recipe -> what answers."""

    answerers: Mapping[str, Answerer] = field(default_factory=dict)
    stored: ListPassages = field(default_factory=shelved)
    scope: Scope = field(default_factory=Scope)
    demonstrations: ListDemonstrations = field(default_factory=lambda: ListDemonstrations({"python": EXAMPLES}))

    def retriever(self, collection: str, *, options: Mapping[str, Any] | None = None) -> Retriever:
        return WordRetriever(self.stored, collection)

    def head(self, name: str) -> Classifier:
        if name != "unsure":
            raise NotFound(name)
        return Head(("yes", "no"), np.zeros((2, 256), np.float32), np.zeros(2, np.float32))

    def embedder(self) -> Embedder:
        return WordEmbedder()

    def answerer(self, recipe: str) -> Answerer:
        if recipe not in self.answerers:
            raise NotFound(recipe)
        return self.answerers[recipe]


def gathering(use: str, **options: Any) -> Gather:
    return gather_of(Stage(use, options), Shelf(), where="here")


class TestPrompt(GatherConformance):
    gathers = ("instructions",)

    @pytest.fixture
    def gather(self) -> Gather:
        return gathering("prompt", instructions="Answer in one sentence.")


class TestBackground(GatherConformance):
    gathers = ("background",)

    @pytest.fixture
    def gather(self) -> Gather:
        return gathering("background", facts=["We write Python.", "Our files are in UTF-8."])


class TestKnowledge(GatherConformance):
    gathers = ("found",)

    @pytest.fixture
    def gather(self) -> Gather:
        return gathering("knowledge", top_k=2)


class TestFirstExamples(GatherConformance):
    gathers = ("demonstrations",)

    @pytest.fixture
    def gather(self) -> Gather:
        return gathering("examples", set="python", count=2)


class TestNearestExamples(GatherConformance):
    gathers = ("demonstrations",)

    @pytest.fixture
    def gather(self) -> Gather:
        return gathering("examples", set="python", count=2, choose="nearest")


UNSURE = ScriptedAnswerer(
    (Text(text="Perhaps"), Logprobs(tokens=(TokenLogprob("Perhaps", -9.0),)), Finish(reason="stop"))
)


def routing(large: Answerer) -> Control:
    return control_of(Stage("routed", {"large": "large"}), Shelf({"large": large}), where="here")


def draft_judged(small: Answerer) -> Answerer:
    """What is inside is the small model."""
    return routing(echoed)(small)


def draft_refused(large: Answerer) -> Answerer:
    """What is inside is the large model, asked after a draft that may not stand."""
    return routing(large)(UNSURE)


class TestRoutedToTheSmall(ControlConformance):
    @pytest.fixture
    def control(self) -> Control:
        return draft_judged


class TestRoutedToTheLarge(ControlConformance):
    @pytest.fixture
    def control(self) -> Control:
        return draft_refused


def controlling(use: str, shelf: Shelf | None = None, **options: Any) -> Control:
    return control_of(Stage(use, options), shelf or Shelf(), where="here")


class TestHeadThatIsNotSure(ControlConformance):
    @pytest.fixture
    def control(self) -> Control:
        return controlling("head", head="unsure", min_confidence=0.9)


class TestShortened(ControlConformance):
    @pytest.fixture
    def control(self) -> Control:
        return controlling("shortened")


class TestMapReduce(ControlConformance):
    @pytest.fixture
    def control(self) -> Control:
        return controlling("map_reduce")


class Mirror:
    """A search that finds one document for everything, called as the query."""

    def search(self, scope: Scope, query: str, *, top_k: int, where: Mapping[str, str] | None = None) -> list[Found]:
        return [Found(passage_of(document_of(query, query)), 1.0)]


class MirrorShelf(Shelf):
    def retriever(self, collection: str, *, options: Mapping[str, Any] | None = None) -> Retriever:
        return Mirror()


class TestSearch(ControlConformance):
    @pytest.fixture
    def control(self) -> Control:
        return controlling("search", MirrorShelf(), top_k=3)


@pytest.mark.parametrize(("control", "chosen"), [(draft_judged, "small"), (draft_refused, "large")])
def test_both_ways_of_routing_are_met(control: Control, chosen: str) -> None:
    answer = run(collected(control(ScriptedAnswerer())(ask_of("?"))))
    assert [c.chosen for c in answer.chosen] == [chosen]
    assert answer.text == "Fine words."


def test_no_mechanism_is_left_out() -> None:
    assert plugins.known("mechanisms.gather") == ["background", "examples", "knowledge", "prompt"]
    assert {"head", "map_reduce", "routed", "search", "shortened"} <= set(plugins.known("mechanisms.control"))
