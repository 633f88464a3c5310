"""Gather mechanisms: what each adds, and that none writes or forgets what is already there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from afina.contracts import Answerer, Classifier, Embedder, Retriever
from afina.domain.ask import Ask, Scope, ask_of
from afina.domain.document import Found, Passage
from afina.domain.example import Example
from afina.domain.message import Message
from afina.errors import NotFound
from afina.mechanisms.gather import background, examples, knowledge, prompt


def example(question: str, answer: str) -> Example:
    return Example(question, (Message("user", question), Message("assistant", answer)))


EXAMPLES = [example("red apple", "fruit"), example("blue car", "machine"), example("green pear", "fruit")]


class Lines:
    """A retriever over a list; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Scope, str, int, Any]] = []

    def search(self, scope: Scope, query: str, *, top_k: int, where: Any = None) -> list[Found]:
        self.asked.append((scope, query, top_k, where))
        found = [Found(Passage(f"psg-{n}", "doc", "d", f"text {n}", 0, 6), score=1.0 - n / 4) for n in range(4)]
        return found[:top_k]


class Letters:
    """Vectors of letter counts: alike words, alike vectors."""

    name, digest, dim = "letters", "letters-1", 26

    def embed(self, texts: Sequence[str], *, kind: str = "passage") -> NDArray[np.float32]:
        counts = np.array([[t.count(chr(97 + n)) for n in range(26)] for t in texts], dtype=np.float32)
        return np.asarray(counts / np.linalg.norm(counts, axis=1, keepdims=True), dtype=np.float32)

    def count(self, text: str) -> int:
        return len(text.split())


class Sets:
    def examples(self, scope: Scope, name: str) -> Sequence[Example]:
        if name != "fruit":
            raise NotFound(f'no examples "{name}"')
        return EXAMPLES


@dataclass
class Shelf:
    scope: Scope = field(default_factory=Scope)
    lines: Lines = field(default_factory=Lines)
    demonstrations: Sets = field(default_factory=Sets)

    def retriever(self, collection: str, *, options: Mapping[str, Any] | None = None) -> Retriever:
        return self.lines

    def head(self, name: str) -> Classifier:
        raise NotFound(name)

    def embedder(self) -> Embedder:
        return Letters()

    def answerer(self, recipe: str) -> Answerer:
        raise NotFound(recipe)


def test_prompt_and_background_add_in_order() -> None:
    shelf = Shelf()
    ask = prompt.build(prompt.Options(instructions="One."), shelf)(ask_of("?"))
    ask = prompt.build(prompt.Options(instructions="Two."), shelf)(ask)
    ask = background.build(background.Options(facts=("We sell pears.",)), shelf)(ask)
    assert ask.gathered.instructions == ("One.", "Two.")
    assert ask.gathered.background == ("We sell pears.",)


def test_knowledge_asks_for_the_question_in_the_callers_scope() -> None:
    shelf = Shelf()
    options = knowledge.Options(collection="docs", top_k=3, where={"lang": "es"}, min_score=0.6)
    ask = Ask(Scope(project="acme"), (Message("user", "first"), Message("assistant", "x"), Message("user", "last")))
    gathered = knowledge.build(options, shelf)(ask).gathered
    assert shelf.lines.asked == [(Scope(project="acme"), "last", 3, {"lang": "es"})]
    assert [f.passage.id for f in gathered.found] == ["psg-0", "psg-1"]  # the third is below min_score
    assert ask.gathered.found == ()


def test_knowledge_does_not_search_for_nothing() -> None:
    shelf = Shelf()
    knowledge.build(knowledge.Options(), shelf)(Ask(Scope(), (Message("system", "Hello"),)))
    assert shelf.lines.asked == []


def test_examples_fixed_and_nearest() -> None:
    shelf = Shelf()
    first = examples.build(examples.Options(set="fruit", count=2), shelf)(ask_of("a pear"))
    assert [e.answer for e in first.gathered.demonstrations] == ["fruit", "machine"]
    near = examples.build(examples.Options(set="fruit", count=1, choose="nearest"), shelf)(ask_of("a pear green"))
    assert [e.question for e in near.gathered.demonstrations] == ["green pear"]


def test_an_example_never_hands_over_its_own_answer() -> None:
    nearest = examples.build(examples.Options(set="fruit", count=3, choose="nearest"), Shelf())
    shown = nearest(ask_of("green pear")).gathered.demonstrations
    assert [e.question for e in shown] == ["blue car", "red apple"]  # the nearest last, the same one never


def test_a_missing_set_and_an_unknown_option_are_refused() -> None:
    with pytest.raises(NotFound):
        examples.build(examples.Options(set="cars"), Shelf())
    with pytest.raises(ValidationError):
        knowledge.Options(top_n=3)  # type: ignore[call-arg]
