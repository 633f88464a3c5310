"""The engine behind a URL: the contract against a good server, and every way in which a bad one fails."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afina.contracts import Engine, Place, Prompt
from afina.domain.answer import Failed, Text
from afina.domain.ask import Sampling
from afina.engines._remote_errors import wait_of
from afina.engines._remote_stream import _shared
from afina.engines.openai import OpenAIEngine, Options, build
from afina.errors import BadRequest, ConfigError, EngineError, EngineTimeout, TooLong, Unsupported
from afina.testing import fake_openai as fake
from afina.testing.echo import EchoEngine
from afina.testing.engine_suite import EngineConformance, answered, asking, pieces_of, run, seconds_until
from afina.testing.fake_openai import Behaviour, FakeOpenAI, fake_openai

NOWHERE = Place(None, None, Path, Path())
PATIENCE = {"connect_s": 1.0, "first_token_s": 0.3, "between_tokens_s": 0.2, "total_s": 5.0, "backoff_s": 0.01}
ALL = {"logprobs": True, "top_logprobs": 5, "logit_bias": True, "response_format": True, "seed": True}


def engine_at(url: str, **options: Any) -> OpenAIEngine:
    return build(Options(url=url, model="m", **{**PATIENCE, **options}), NOWHERE)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    with fake_openai(engine=EchoEngine(delay_s=0.005)) as server:
        yield server


class TestConforms(EngineConformance):
    long_question = "again and " * 300
    long_tokens = 500
    counts_exactly = False

    @pytest.fixture
    def engine(self, server: FakeOpenAI) -> Engine:
        self._server = server
        return engine_at(server.url, context_tokens=4096, first_token_s=20, between_tokens_s=20, total_s=60, **ALL)

    def running(self, engine: Engine) -> int:
        """What the server still works on, and what we still hold open."""
        assert isinstance(engine, OpenAIEngine)
        return engine.running + self._server.running


class TestConformsPoorly(TestConforms):
    """A server of which nothing is known."""

    @pytest.fixture
    def engine(self, server: FakeOpenAI) -> Engine:
        self._server = server
        return engine_at(server.url, context_tokens=4096, first_token_s=20, between_tokens_s=20, total_s=60)


def test_usage_and_prices() -> None:
    with fake_openai() as server:
        answer = run(answered(engine_at(server.url, price_in=2.0, price_out=10.0), asking("one two three")))
        assert (answer.used.prompt_tokens, answer.used.completion_tokens) == (5, 3)
        assert answer.used.cost == pytest.approx((5 * 2 + 3 * 10) / 1e6)
        assert run(answered(engine_at(server.url), asking("one"))).used.cost is None


def test_what_is_set_is_sent_and_nothing_else() -> None:
    with fake_openai() as server:
        run(answered(engine_at(server.url), asking("q")))
        assert set(server.asked[0]) == {"model", "messages", "stream", "stream_options", "temperature", "max_tokens"}
        prompt = Prompt(
            asking("q").messages,
            Sampling(
                max_tokens=9, temperature=0.5, top_p=0.9, seed=4, n=2, stop=("z",), logprobs=True, top_logprobs=2,
                logit_bias={7: -5.0}, presence_penalty=0.1, frequency_penalty=0.2,
            ),
            schema={"type": "object"},
        )  # fmt: skip
        run(pieces_of(engine_at(server.url, max_tokens_field="max_completion_tokens", **ALL), prompt))
        body = server.asked[1]
        assert body["max_completion_tokens"] == 9
        assert body["logit_bias"] == {"7": -5.0}
        assert body["stop"] == ["z"]
        assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
        assert {"top_p", "seed", "n", "logprobs", "top_logprobs", "presence_penalty"} <= set(body)


# --- failures that are tried again ----------------------------------------------------------------


@pytest.mark.parametrize(
    "behaviour",
    [fake.refuses(429), fake.refuses(500), fake.refuses(503), fake.resets, fake.cuts_off_after(0), fake.fails_after(0)],
    ids=["429", "500", "503", "reset", "nothing", "error first"],
)
def test_what_may_go_better_is_tried_again(behaviour: Behaviour) -> None:
    with fake_openai(behaviour, behaviour) as server:
        assert run(answered(engine_at(server.url), asking("hello there"))).text == "hello there"
        assert len(server.asked) == 3


def test_retries_end() -> None:
    with fake_openai(*[fake.refuses(503, message="busy")] * 9) as server:
        with pytest.raises(EngineError, match="status 503: busy") as failed:
            run(answered(engine_at(server.url, retries=1), asking("q")))
        assert failed.value.retriable
        assert len(server.asked) == 2


def test_retry_after_is_honoured() -> None:
    with fake_openai(fake.refuses(429, retry_after="0.4"), fake.refuses(429, retry_after_ms="300")) as server:
        started = time.monotonic()
        assert run(answered(engine_at(server.url, first_token_s=10), asking("hello"))).text == "hello"
        assert 0.7 <= time.monotonic() - started < 5  # patient: a busy machine is slow to answer


def test_too_long_a_wait_is_a_refusal() -> None:
    with fake_openai(fake.refuses(429, retry_after="9000")) as server:
        with pytest.raises(EngineError, match="429"):
            run(answered(engine_at(server.url), asking("q")))
        assert len(server.asked) == 1


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    with fake_openai(fake.refuses(429, retry_after="20")) as server:
        started = time.monotonic()
        with pytest.raises(EngineError, match="429"):
            run(answered(engine_at(server.url), asking("q")))
        assert time.monotonic() - started < 1


def test_a_closed_port_is_refused_after_retries() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(EngineError) as failed:
        run(answered(engine_at(f"http://127.0.0.1:{port}/v1"), asking("q")))
    assert failed.value.retriable


# --- failures that are final ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [
        (fake.says_html, EngineError, "did not stream"),
        (fake.streams_html, EngineError, "no stream of completions"),
        (fake.babbles, EngineError, "not JSON"),
        (fake.sends([1, 2]), EngineError, "no object"),
        (fake.sends({"choices": ["x"]}), EngineError, "another form"),
        (fake.sends({"choices": [{"index": 5, "delta": {"content": "x"}}]}), EngineError, "not asked for"),
        (fake.sends({"choices": [{"index": 0, "delta": {"content": 7}}]}), EngineError, "another form"),
        (fake.sends_an_endless_line, EngineError, "bytes"),
        (fake.hangs_at_once, EngineTimeout, "begin to answer"),
        (fake.hangs_after(0), EngineTimeout, "first token"),
        (fake.pings_forever, EngineTimeout, "first token"),
        (fake.refuses(401, message="bad key"), EngineError, "key"),
        (fake.refuses(404, message="no model m"), EngineError, "no such model"),
        (fake.refuses(400, message="bad stop", param="stop"), BadRequest, "bad stop"),
        (fake.refuses(400, code="unsupported_value", param="temperature"), Unsupported, "refused"),
        (fake.refuses(301, location="http://127.0.0.1:1/"), EngineError, "301"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_each_failure_has_its_type(behaviour: Behaviour, kind: type[Exception], words: str) -> None:
    with fake_openai(behaviour) as server:
        started = time.monotonic()
        with pytest.raises(kind, match=words):
            run(pieces_of(engine_at(server.url), asking("q")))
        assert time.monotonic() - started < 3
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (fake.hangs_after(3), EngineTimeout.code),
        (fake.cuts_off_after(3), EngineError.code),
        (fake.fails_after(3), EngineError.code),
        (fake.talks_forever, EngineError.code),
    ],
    ids=["hangs", "cut off", "error", "endless"],
)
def test_after_the_first_word_a_failure_is_told_and_not_tried_again(behaviour: Behaviour, code: str) -> None:
    with fake_openai(behaviour) as server:
        pieces = run(pieces_of(engine_at(server.url), asking("q")))
        assert isinstance(pieces[0], Text)
        assert isinstance(pieces[-1], Failed)
        assert pieces[-1].code == code
        assert len(server.asked) == 1


def test_an_endless_answer_of_pings_after_a_word_ends_in_time() -> None:
    with fake_openai(fake.hangs_after(1)) as server:
        started = time.monotonic()
        run(pieces_of(engine_at(server.url, between_tokens_s=10, total_s=0.5), asking("q")))
        assert time.monotonic() - started < 2


OPENAI_SAYS = "This model's maximum context length is 4097 tokens. However, your messages resulted in 5000 tokens."
VLLM_SAYS = (
    "This model's maximum context length is 8192 tokens. However, you requested 9100 tokens "
    "(9000 in the messages, 100 in the completion)."
)
LLAMA_CPP_SAYS = "the request exceeds the available context size"


@pytest.mark.parametrize(
    ("message", "counts"), [(OPENAI_SAYS, (5000, 4097)), (VLLM_SAYS, (9000, 8192)), (LLAMA_CPP_SAYS, None)]
)
def test_too_long_is_told_with_counts(message: str, counts: tuple[int, int] | None) -> None:
    with fake_openai(fake.refuses(400, code="context_length_exceeded", message=message)) as server:
        with pytest.raises(TooLong) as refused:
            run(pieces_of(engine_at(server.url), asking("q")))
        if counts:
            assert (refused.value.prompt_tokens, refused.value.context_tokens) == counts
        assert refused.value.max_tokens == 16


def test_odd_but_right_streams_are_read() -> None:
    with fake_openai(fake.drips) as server:
        answer = run(answered(engine_at(server.url), asking("q")))
    assert (answer.text, answer.finish) == ("Größe 日本", "stop")


def test_leaving_closes_the_line() -> None:
    with fake_openai(fake.talks_forever) as server:

        async def leave() -> float:
            stream = engine_at(server.url).generate(asking("q", max_tokens=4000))
            await anext(stream)
            await stream.aclose()  # type: ignore[attr-defined]
            return await seconds_until(lambda: server.running == 0)

        assert run(leave()) < 2
        assert server.left == 1


# --- keys and addresses ---------------------------------------------------------------------------


def test_the_key_is_sent_and_never_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("A_KEY", "sk-very-secret")
    caplog.set_level("DEBUG")
    with fake_openai(fake.refuses(401, message="Incorrect API key: sk-very-secret")) as server:
        engine = engine_at(server.url, key_env="A_KEY")
        with pytest.raises(EngineError) as failed:
            run(answered(engine, asking("q")))
        assert server.headers[0]["authorization"] == "Bearer sk-very-secret"
        told = f"{failed.value} {failed.value!r} {engine!r} {engine.card} {caplog.text}"
    assert "sk-very-secret" not in told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"url": "example.org/v1"}, "must be like"),
        ({"url": "ftp://example.org"}, "must be like"),
        ({"url": "https://user:pass@example.org/v1"}, "without a name or key"),
        ({"url": "https://example.org/v1", "key_env": "NOT_SET_ANYWHERE"}, "not set"),
        ({"url": "http://example.org/v1", "key_env": "PATH"}, "clear text"),
        ({"url": "https://example.org/v1", "top_logprobs": 3}, "needs logprobs"),
    ],
)
def test_wrong_settings_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build(Options(model="m", **options), NOWHERE)


# --- small parts ----------------------------------------------------------------------------------


def test_waits_are_read_in_all_their_forms() -> None:
    assert wait_of({"retry-after": "3"}) == 3
    assert wait_of({"retry-after-ms": "250", "retry-after": "3"}) == 0.25
    dates = {"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert wait_of(dates) == 30
    assert wait_of({"retry-after": "soon"}) is None
    assert wait_of({}) is None


@given(st.integers(0, 10**6), st.lists(st.integers(0, 1000), min_size=1, max_size=8))
def test_shares_add_up(total: int, estimates: list[int]) -> None:
    shares = _shared(total, estimates)
    assert sum(shares) == total
    assert all(share >= 0 for share in shares)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_noise_never_escapes_as_another_error(parts: list[bytes]) -> None:
    def noise(connection: fake.Connection, body: fake.Body) -> None:
        connection.begin()
        for part in parts:
            connection.write(b"data: " + part + b"\n\n")

    with fake_openai(noise) as server, pytest.raises((EngineError, BadRequest)):
        run(pieces_of(engine_at(server.url, retries=0), asking("q")))
