"""Chat completions with the official client over a real socket, on the echo engine."""

import json
import socket
import time
from collections.abc import Callable

import httpx2
import openai
import pytest

from afina.contracts import Capabilities
from afina.errors import EngineError
from afina.store import runs
from afina.testing.echo import EchoEngine
from afina.testing.serving import Serving

HELLO = [{"role": "user", "content": "Say good day to you"}]
MODEL = "bundled-135m"
Serve = Callable[..., Serving]


def test_a_whole_answer_has_every_field(serve: Serve) -> None:
    client = serve().client()
    answer = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Say good day"}], metadata={"who": "me"}, user="u1"
    )
    assert answer.id.startswith("chatcmpl-")
    assert answer.object == "chat.completion"
    assert answer.model == MODEL
    assert abs(answer.created - time.time()) < 60
    assert answer.system_fingerprint == "echo:echo"
    assert answer.metadata == {"who": "me"}
    choice = answer.choices[0]
    assert choice.message.content == "Say good day"
    assert (choice.finish_reason, choice.message.role, choice.logprobs) == ("stop", "assistant", None)
    assert (choice.message.refusal, choice.message.tool_calls, choice.message.annotations) == (None, None, [])
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (5, 3, 8)
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 0


def test_a_stream_says_the_same_word_by_word_and_ends_with_usage(serve: Serve) -> None:
    client = serve().client()
    with client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Say good day"}],
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    texts = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
    assert texts == ["Say", " good", " day"]
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3
    assert all(c.usage is None for c in chunks[:-1])
    assert len({(c.id, c.created, c.model) for c in chunks}) == 1


def test_without_include_usage_no_chunk_is_without_choices(serve: Serve) -> None:
    client = serve().client()
    with client.chat.completions.create(model=MODEL, messages=_say("a b"), stream=True) as stream:
        assert all(chunk.choices for chunk in stream)


def test_several_choices_and_a_stop_sequence(serve: Serve) -> None:
    engine = EchoEngine(lambda prompt, choice: f"answer {choice} STOP more")
    answer = serve(engine).client().chat.completions.create(model=MODEL, messages=_say("x"), n=3, stop="STOP")
    assert [c.index for c in answer.choices] == [0, 1, 2]
    assert [(c.message.content or "").strip() for c in answer.choices] == ["answer 0", "answer 1", "answer 2"]
    assert engine.asked[0].sampling.stop == ("STOP",)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 3, "the prompt is counted once"


def test_several_choices_in_a_stream(serve: Serve) -> None:
    engine = EchoEngine(lambda prompt, choice: f"answer {choice}")
    client = serve(engine).client()
    texts = {0: "", 1: ""}
    with client.chat.completions.create(model=MODEL, messages=_say("x"), n=2, stream=True) as stream:
        for chunk in stream:
            texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == {0: "answer 0", 1: "answer 1"}


def test_what_is_accepted_reaches_the_engine(serve: Serve) -> None:
    engine = EchoEngine()
    serve(engine).client().chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "developer", "content": "Be brief"},
            {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        ],
        seed=7,
        temperature=0.5,
        top_p=0.9,
        max_completion_tokens=20,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logit_bias={"5": -3},
        user="someone",
    )
    asked = engine.asked[0]
    sampling = asked.sampling
    assert (sampling.seed, sampling.temperature, sampling.top_p, sampling.max_tokens) == (7, 0.5, 0.9, 20)
    assert (sampling.presence_penalty, sampling.frequency_penalty, sampling.logit_bias) == (0.1, 0.2, {5: -3})
    assert asked.messages[-1].content == "one\ntwo"
    assert "Be brief" in asked.messages[0].content


def test_log_probabilities(serve: Serve) -> None:
    client = serve().client()
    answer = client.chat.completions.create(model=MODEL, messages=_say("né oui"), logprobs=True, top_logprobs=2)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    first = logprobs.content[0]
    assert (first.token, first.bytes) == ("né", [110, 195, 169])
    assert first.logprob < 0
    assert len(first.top_logprobs) == 2
    with client.chat.completions.create(model=MODEL, messages=_say("né oui"), logprobs=True, stream=True) as stream:
        streamed = [t.token for c in stream if c.choices[0].logprobs for t in c.choices[0].logprobs.content or []]
    assert streamed == ["né", " oui"]


def test_an_answer_that_obeys_a_schema(serve: Serve) -> None:
    schema: dict[str, object] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    engine = EchoEngine()
    up = serve(engine)
    answer = up.client().chat.completions.create(
        model=MODEL,
        messages=_say("x"),
        response_format={"type": "json_schema", "json_schema": {"name": "number", "schema": schema, "strict": True}},
    )
    assert json.loads(answer.choices[0].message.content or "") == {"n": 0}
    up.client().chat.completions.create(model=MODEL, messages=_say("x"), response_format={"type": "json_object"})
    assert [p.schema for p in engine.asked] == [schema, {"type": "object"}]


def test_a_clients_setting_stands_above_the_recipes(serve: Serve) -> None:
    engine = EchoEngine()
    client = serve(engine, toml="\n[recipes.warm]\nsampling = { temperature = 0.7, max_tokens = 9 }\n").client()
    client.chat.completions.create(model="warm", messages=_say("x"))
    client.chat.completions.create(model="warm", messages=_say("x"), temperature=0, max_tokens=5)
    assert [(p.sampling.temperature, p.sampling.max_tokens) for p in engine.asked] == [(0.7, 9), (0, 5)]


def test_sources_and_citations_are_in_the_message_and_in_the_last_chunk(serve: Serve) -> None:
    engine = EchoEngine("Parents get sixteen weeks of leave. The moon is made of cheese.")
    up = serve(engine)
    client = up.client()
    answer = client.chat.completions.create(model="documents", messages=_say("How many weeks of leave?"))
    extra = answer.choices[0].message.model_extra
    assert extra is not None
    afina = extra["afina"]
    assert [s["document"] for s in afina["sources"]] == ["leave.md"]
    assert afina["prompt_parts"]["passages"] > 0
    assert runs.find(up.ws.store, up.ws.scope, afina["run_id"]).model == "documents"
    with client.chat.completions.create(
        model="documents", messages=_say("How many weeks of leave?"), stream=True
    ) as stream:
        last = [c for c in stream if c.choices][-1].choices[0]
    assert last.finish_reason == "stop"
    assert last.delta.model_extra is not None
    assert last.delta.model_extra["afina"]["sources"] == afina["sources"]
    assert last.delta.model_extra["afina"]["citations"] == afina["citations"]


# --- errors ---


Request = Callable[[openai.OpenAI], object]

WRONG: dict[str, tuple[dict[str, object], str]] = {
    "tools": ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    "reasoning": ({"reasoning_effort": "high"}, "reasoning_effort"),
    "store": ({"store": True}, "store"),
    "audio": ({"modalities": ["audio"]}, "modalities"),
    "temperature": ({"temperature": 3}, "temperature"),
    "n": ({"n": 0}, "n"),
    "text for a number": ({"temperature": "warm"}, "temperature"),
    "top_logprobs alone": ({"top_logprobs": 2}, "top_logprobs"),
    "stop": ({"stop": ["a", ""]}, "stop"),
    "bias": ({"logit_bias": {"a": 1}}, "logit_bias"),
    "two limits": ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens"),
    "stream_options": ({"stream_options": {"include_usage": True}}, "stream_options"),
    "padding": (
        {"stream": True, "stream_options": {"include_obfuscation": True}},
        "stream_options.include_obfuscation",
    ),
    "role": ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
    "no content": ({"messages": [{"role": "user"}]}, "messages[0].content"),
    "image": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        "messages[0].content[0].type",
    ),
    "no messages": ({"messages": []}, "messages"),
    "no schema": ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    "no such format": ({"response_format": {"type": "xml"}}, "response_format.type"),
    "bad schema": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "thing"}}}},
        "response_format.json_schema.schema",
    ),
    "far schema": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"$ref": "http://x/y"}}}},
        "response_format.json_schema.schema",
    ),
}


@pytest.fixture
def engine() -> EchoEngine:
    return EchoEngine()


@pytest.fixture
def up(serve: Serve, engine: EchoEngine) -> Serving:
    return serve(engine)


def test_what_cannot_be_obeyed_is_refused_by_name(up: Serving, engine: EchoEngine) -> None:
    for name, (fields, param) in WRONG.items():
        body = {"model": MODEL, "messages": HELLO, **fields}
        with pytest.raises(openai.BadRequestError) as refused:
            up.client().post("/chat/completions", body=body, cast_to=object)
        assert refused.value.param == param, name
        assert refused.value.type == "invalid_request_error", name
        assert refused.value.code, name
        assert refused.value.request_id, name
    assert engine.asked == []


def test_hints_and_unknown_fields_are_accepted(up: Serving) -> None:
    answer = up.client().chat.completions.create(
        model=MODEL,
        messages=_say("x"),
        prompt_cache_key="k",
        parallel_tool_calls=True,
        tools=[],
        verbosity="medium",
        service_tier="auto",
        extra_body={"something_new": 1},
    )
    assert answer.choices[0].message.content == "x"


def test_what_the_engine_lacks_is_refused_by_name(serve: Serve) -> None:
    client = serve(EchoEngine(can=Capabilities())).client()
    for fields, param in (({"logprobs": True}, "logprobs"), ({"logit_bias": {"1": 1}}, "logit_bias")):
        with pytest.raises(openai.BadRequestError) as refused:
            client.post("/chat/completions", body={"model": MODEL, "messages": HELLO, **fields}, cast_to=object)
        assert refused.value.param == param
        assert refused.value.code == "unsupported_parameter"


def test_an_unknown_model_is_a_404_that_names_the_nearest(up: Serving) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        up.client().chat.completions.create(model="bundled-135", messages=_say("x"))
    assert unknown.value.code == "model_not_found"
    assert unknown.value.param == "model"
    assert MODEL in str(unknown.value)


def test_too_long_a_prompt_says_the_counts(serve: Serve) -> None:
    client = serve(EchoEngine(context_tokens=10)).client()
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(model=MODEL, messages=_say("word " * 50), max_tokens=5, stream=stream)
        assert refused.value.code == "context_length_exceeded"
        assert "52" in str(refused.value)


def test_a_failure_in_a_stream_is_raised_by_the_client(serve: Serve) -> None:
    engine = EchoEngine("one two three", error=EngineError("the engine died"), fail_after=2)
    up = serve(engine)
    said: list[str] = []
    with pytest.raises(openai.APIError, match="the engine died"):
        _listen(up.client(), said)
    assert "".join(said) == "one two"
    with pytest.raises(openai.InternalServerError) as failed:
        up.client().chat.completions.create(model=MODEL, messages=_say("x"))
    assert failed.value.code == "engine_error"
    assert failed.value.response.headers["x-should-retry"] == "false"


def test_an_engine_that_may_recover_is_asked_again(serve: Serve) -> None:
    engine = EchoEngine(error=EngineError("busy", retriable=True))
    up = serve(engine)
    started = time.monotonic()
    with pytest.raises(openai.InternalServerError) as failed:
        up.client(retries=1).chat.completions.create(model=MODEL, messages=_say("x"))
    assert failed.value.status_code == 503
    assert len(engine.asked) == 2
    assert time.monotonic() - started >= 1, "retry-after was obeyed"


def test_an_engine_that_will_not_recover_is_not_asked_again(serve: Serve) -> None:
    engine = EchoEngine(error=EngineError("broken"))
    with pytest.raises(openai.InternalServerError):
        serve(engine).client(retries=2).chat.completions.create(model=MODEL, messages=_say("x"))
    assert len(engine.asked) == 1


# --- leaving ---


def _until(true: Callable[[], bool], within_s: float) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.01)
    return False


def test_a_client_that_leaves_a_stream_cancels_the_run(serve: Serve) -> None:
    engine = EchoEngine("word " * 1000, delay_s=0.05)
    up = serve(engine)
    stream = up.client().chat.completions.create(model=MODEL, messages=_say("x"), stream=True, max_tokens=2000)
    next(iter(stream))
    assert engine.running == 1
    stream.close()
    assert _until(lambda: engine.cancelled == 1 and engine.running == 0, 2)
    assert _until(lambda: [r.body["finish"] for r in runs.latest(up.ws.store, up.ws.scope)] == ["cancelled"], 2)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_before_the_first_word_cancels_the_run(serve: Serve, *, stream: bool) -> None:
    engine = EchoEngine("word", delay_s=30)
    up = serve(engine)
    body = json.dumps({"model": MODEL, "messages": HELLO, "stream": stream}).encode()
    address = httpx2.URL(up.url)
    with socket.create_connection((address.host, address.port or 80)) as connection:
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        assert _until(lambda: engine.running == 1, 5)
    assert _until(lambda: engine.cancelled == 1 and engine.running == 0, 2)


def _say(text: str) -> list[openai.types.chat.ChatCompletionUserMessageParam]:
    return [{"role": "user", "content": text}]


def _listen(client: openai.OpenAI, said: list[str]) -> None:
    with client.chat.completions.create(model=MODEL, messages=_say("x"), stream=True) as stream:
        for chunk in stream:
            said.append(chunk.choices[0].delta.content or "")
