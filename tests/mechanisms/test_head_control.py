"""A classifier that answers: its label, its probabilities, and the model below its confidence."""

import asyncio
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from afina.border import aclosing
from afina.domain.answer import Answer, Finish, Label, Text, Used, collected
from afina.domain.ask import Sampling, ask_of
from afina.errors import TooLong
from afina.mechanisms.answer import answer_with
from afina.mechanisms.control.head import labelled
from afina.testing.control_suite import ScriptedAnswerer
from afina.testing.echo import EchoEngine
from afina.testing.fakes import WordEmbedder


@dataclass(frozen=True)
class Weighing:
    """0.8 for the second label, whatever is asked."""

    labels: tuple[str, ...] = ("bills", "faults")
    embedder: str = ""

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.tile(np.array([0.2, 0.8], np.float32), (len(vectors), 1))


def answered(minimum: float, *, n: int = 1) -> tuple[Answer, ScriptedAnswerer]:
    inner = ScriptedAnswerer()
    answerer = labelled(Weighing(), WordEmbedder(), inner, min_confidence=minimum)
    ask = ask_of("my router is off", sampling=Sampling(n=n))
    return asyncio.run(collected(answerer(ask), choice=n - 1)), inner


def test_a_sure_one_answers_alone() -> None:
    answer, inner = answered(0.8)
    assert (answer.text, answer.finish) == ("faults", "stop")
    assert answer.label is not None
    assert answer.label.distribution == pytest.approx({"bills": 0.2, "faults": 0.8})
    assert [(c.chosen, c.why) for c in answer.chosen] == [("head", "confidence 0.80, asked 0.80")]
    assert (answer.used.prompt_tokens, answer.used.engine) == (4, "words")
    assert inner.asked == []


def test_an_unsure_one_lets_the_model_answer_and_keeps_its_label_to_itself() -> None:
    answer, inner = answered(0.81)
    assert answer.text == "Fine words."
    assert answer.label is None
    assert [c.chosen for c in answer.chosen] == ["model"]
    assert len(inner.asked) == 1
    assert [type(p) for p in answer.pieces].count(Used) == 2


def test_each_choice_has_its_label() -> None:
    answer, _ = answered(0, n=2)
    assert [type(p) for p in answer.pieces if p.choice == 1] == [Label, Text, Finish]


def test_what_the_model_refuses_is_refused_before_anything_is_said() -> None:
    refusing = answer_with(EchoEngine(context_tokens=3))

    async def first() -> None:
        async with aclosing(
            labelled(Weighing(), WordEmbedder(), refusing, min_confidence=1)(ask_of("much too long"))
        ) as pieces:
            async for _ in pieces:
                pytest.fail("something was said before the refusal")

    with pytest.raises(TooLong):
        asyncio.run(first())
