"""The echo engine obeys the whole engine contract, and its script."""

import pytest

from afina.contracts import Capabilities, Engine, Prompt
from afina.domain.answer import Failed, Text
from afina.domain.message import Message
from afina.errors import EngineError, EngineTimeout
from afina.testing.clock import FakeClock
from afina.testing.echo import EchoEngine, words
from afina.testing.engine_suite import EngineConformance, answered, asking, pieces_of, run


class TestEchoConforms(EngineConformance):
    long_question = "again and " * 300
    long_tokens = 500

    @pytest.fixture
    def engine(self) -> Engine:
        return EchoEngine(delay_s=0.001, adapters={"a": "other"})


class TestPoorEchoConforms(EngineConformance):
    """Everything an engine may refuse is refused."""

    long_question = "again and " * 300
    long_tokens = 500

    @pytest.fixture
    def engine(self) -> Engine:
        return EchoEngine(delay_s=0.001, can=Capabilities())


def test_words_join_to_the_text() -> None:
    for text in ("", "one", " a  b\n", "á 日本\t語 "):
        assert "".join(words(text)) == (text if text.strip() else "")


def test_scripts_decide_the_answer() -> None:
    assert run(answered(EchoEngine("always"), asking("q"))).text == "always"
    assert run(answered(EchoEngine({"boat": "a boat"}), asking("my boat?"))).text == "a boat"
    assert run(answered(EchoEngine(lambda p, c: f"choice {c}"), asking("q"))).text == "choice 0"
    in_turn = EchoEngine(["first", "second"])
    assert [run(answered(in_turn, asking("q"))).text for _ in range(3)] == ["first", "second", "second"]
    tuned = EchoEngine("base", adapters={"x": "tuned"})
    assert run(answered(tuned, Prompt((Message("user", "q"),), adapter="x"))).text == "tuned"


def test_a_scripted_failure_comes_early_or_late() -> None:
    broken = EchoEngine("one two three").failing(EngineError("it broke"))
    with pytest.raises(EngineError, match="it broke"):
        run(pieces_of(broken, asking("q")))
    late = run(pieces_of(broken.failing(EngineError("it broke"), after=2), asking("q")))
    assert [p.text for p in late if isinstance(p, Text)] == ["one", " two"]
    assert late[-1] == Failed(code="engine_error", message="it broke")


def test_a_fake_clock_makes_deadlines_free() -> None:
    clock = FakeClock()
    slow = EchoEngine("a b c d", delay_s=30, clock=clock)
    pieces = run(pieces_of(slow, Prompt((Message("user", "q"),), deadline_s=100)))
    assert isinstance(pieces[-1], Failed)
    assert pieces[-1].code == EngineTimeout.code
    assert clock.now() == 120


def test_a_schema_is_obeyed() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}, "ok": {"type": "boolean"}}}
    answer = run(answered(EchoEngine(), Prompt((Message("user", "q"),), schema=schema)))
    assert answer.text == '{"n": 3, "ok": false}'
