"""The engine of a running server, over a real socket: the whole engine contract, and a server that is gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from afina.actions.initialise import initialise
from afina.contracts import Engine, Prompt
from afina.domain.answer import Failed
from afina.engines._attached import AttachedEngine
from afina.errors import EngineError, NotFound, TooLong
from afina.testing.echo import EchoEngine
from afina.testing.engine_suite import EngineConformance, answered, asking, pieces_of, run, seconds_until
from afina.testing.fakes import WordEmbedder
from afina.testing.serving import Serving, serving
from afina.workspace import open_workspace


@pytest.fixture(scope="module")
def echo() -> EchoEngine:
    return EchoEngine(delay_s=0.005, adapters={"ada": "tuned"})


@pytest.fixture(scope="module")
def server(echo: EchoEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    root = initialise(tmp_path_factory.mktemp("attached") / "ws")
    ws = open_workspace(root, environ={}, engines={"local": echo}, embedders={"minilm": WordEmbedder()})
    with serving(ws) as up:
        yield up
    ws.close()


@pytest.fixture(scope="module")
def attached(server: Serving) -> Engine:
    return AttachedEngine(url=server.url, token=server.access.token, engine=None)


class TestConforms(EngineConformance):
    long_question = "again and " * 300
    long_tokens = 500

    @pytest.fixture
    def engine(self, attached: Engine) -> Engine:
        return attached

    @pytest.fixture(autouse=True)
    def _look_behind(self, echo: EchoEngine) -> None:
        self._echo = echo

    def running(self, engine: Engine) -> int:
        """The server's own engine says when the work has ended, not our end of the line."""
        return self._echo.running


def test_it_says_who_answers(attached: Engine, echo: EchoEngine) -> None:
    assert attached.card == echo.card
    assert attached.count_text("one two three") == 3


def test_adapters_and_errors_travel(attached: Engine) -> None:
    assert run(answered(attached, Prompt(asking("q").messages, adapter="ada"))).text == "tuned"
    with pytest.raises(NotFound):
        run(attached.score([(asking("q").messages, "a")], adapter="nobody"))
    with pytest.raises(TooLong) as refused:
        run(pieces_of(attached, asking("word " * 5000)))
    assert refused.value.prompt_tokens == 5002


def test_a_late_failure_arrives_as_a_piece(echo: EchoEngine, attached: Engine) -> None:
    echo.error, echo.fail_after = EngineError("it broke"), 2
    try:
        pieces = run(pieces_of(attached, asking("one two three four")))
    finally:
        echo.error = None
    assert pieces[-1] == Failed(code="engine_error", message="it broke")


def test_leaving_is_told_to_the_server(echo: EchoEngine, attached: Engine) -> None:
    async def leave() -> float:
        stream = attached.generate(asking("on and on " * 200, max_tokens=500))
        await anext(stream)
        assert echo.running == 1
        await stream.aclose()  # type: ignore[attr-defined]
        return await seconds_until(lambda: echo.running == 0)

    before = echo.cancelled
    assert run(leave()) < 2
    assert echo.cancelled == before + 1


def test_a_wrong_token_is_refused(server: Serving) -> None:
    with pytest.raises(EngineError, match="private"):
        AttachedEngine(url=server.url, token="wrong", engine=None)


def test_a_server_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="stopped"):
        AttachedEngine(url="http://127.0.0.1:9", token="t", engine=None)
