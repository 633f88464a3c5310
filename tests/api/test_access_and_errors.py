"""Who may speak, what every refusal looks like, and that nothing leaves without an id."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from afina import errors
from afina.api.app import MAX_BODY_BYTES
from afina.api.auth import Access, is_loopback
from afina.api.errors import TABLE, answered, error_body, failed_refusal, param_of
from afina.domain.answer import Failed
from afina.testing.echo import EchoEngine
from afina.testing.serving import TOKEN, Serving

Serve = Callable[..., Serving]
HELLO = [{"role": "user", "content": "hello"}]
MODEL = "bundled-135m"


def _shape(reply: httpx2.Response) -> dict[str, Any]:
    body = reply.json()
    assert set(body) == {"error"}, body
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert reply.headers["x-request-id"].startswith("req_")
    error: dict[str, Any] = body["error"]
    return error


def test_framework_errors_have_openais_shape(serve: Serve) -> None:
    with httpx2.Client(base_url=serve().url) as http:
        assert _shape(http.get("/v1/nothing"))["code"] == "not_found"
        assert _shape(http.get("/"))["type"] == "invalid_request_error"
        reply = http.get("/v1/chat/completions")
        assert (reply.status_code, _shape(reply)["code"]) == (405, "method_not_allowed")
        reply = http.post("/v1/chat/completions", content=b"{", headers={"content-type": "application/json"})
        assert (reply.status_code, _shape(reply)["code"]) == (400, "invalid_json")
        reply = http.post("/v1/chat/completions", content=b"\xff", headers={"content-type": "application/json"})
        assert reply.status_code == 400
        _shape(reply)
        reply = http.post("/v1/chat/completions", json=[1])
        assert reply.status_code == 400
        _shape(reply)
        reply = http.post("/v1/chat/completions", content=b"{}", headers={"content-type": "text/plain"})
        assert reply.status_code == 400
        _shape(reply)
        deep = b'{"messages":' + b"[" * 200_000
        reply = http.post("/v1/chat/completions", content=deep, headers={"content-type": "application/json"})
        assert reply.status_code == 400
        _shape(reply)


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_refused(serve: Serve, *, declared: bool) -> None:
    def said(size: int) -> httpx2.Response:
        whole = b'{"model": "m"}'.ljust(size)
        content = whole if declared else (whole[i : i + 2**20] for i in range(0, size, 2**20))
        return httpx2.post(url, content=content, headers={"content-type": "application/json"})

    url = f"{serve().url}/v1/chat/completions"
    reply = said(MAX_BODY_BYTES + 1)
    assert (reply.status_code, _shape(reply)["code"]) == (413, "request_too_large")
    assert _shape(said(MAX_BODY_BYTES))["param"] == "messages", "at the limit the body is read"


def test_good_answers_have_a_request_id_too(serve: Serve) -> None:
    client = serve().client()
    answer = client.chat.completions.with_raw_response.create(model=MODEL, messages=[{"role": "user", "content": "x"}])
    assert answer.headers["x-request-id"].startswith("req_")
    assert httpx2.get(f"{client.base_url}models").headers["x-request-id"]


def test_a_fault_of_ours_says_nothing_of_its_inside(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> str:
        raise ZeroDivisionError("secret")

    up = serve(EchoEngine(broken))
    reply = httpx2.post(f"{up.url}/v1/chat/completions", json={"model": MODEL, "messages": HELLO})
    assert reply.status_code == 500
    assert "secret" not in reply.text
    assert _shape(reply)["type"] == "server_error"
    assert reply.headers["x-should-retry"] == "false"
    assert "ZeroDivisionError" in caplog.text
    assert reply.headers["x-request-id"] in caplog.text


def test_more_answers_at_once_than_allowed(serve: Serve) -> None:
    up = serve(EchoEngine("word " * 100, delay_s=0.05), max_runs=1)
    client = up.client()
    with client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "x"}], stream=True
    ) as stream:
        next(iter(stream))
        with pytest.raises(openai.RateLimitError) as refused:
            client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "x"}])
    assert refused.value.response.headers["retry-after"] == "1"
    assert refused.value.code == "overloaded"


# --- access ---


def test_with_a_key_every_route_needs_it_before_the_body_is_read(serve: Serve) -> None:
    up = serve(access=Access(TOKEN, key="the-key"))
    with pytest.raises(openai.AuthenticationError) as refused:
        up.client(key="another").models.list()
    assert refused.value.code == "invalid_api_key"
    assert up.client().models.list().data
    paths = up.app.openapi()["paths"]
    assert len(paths) >= 10
    for method, path in [(m, p) for p, methods in paths.items() for m in methods]:
        for bearer in ({}, {"authorization": "Bearer x"}, {"authorization": "Basic dGhlLWtleQ=="}):
            url = up.url + path.replace("{model}", "x")
            reply = httpx2.request(method.upper(), url, content=b"{no json", headers=bearer)
            assert reply.status_code == 401, path
            _shape(reply)
    assert httpx2.get(f"{up.url}/openapi.json").status_code == 401
    assert httpx2.get(f"{up.url}/nothing").status_code == 401


def test_the_servers_own_token_opens_everything(serve: Serve) -> None:
    up = serve(access=Access(TOKEN, key="the-key"))
    headers = {"authorization": f"Bearer {TOKEN}"}
    assert httpx2.get(f"{up.url}/health", headers=headers).json()["status"] == "ok"
    assert httpx2.post(f"{up.url}/v1/afina/engine/card", json={}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:99"}, 200),
        ({"host": "[::1]:99"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"origin": "http://localhost:3000"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_names_that_a_local_server_answers_to(serve: Serve, headers: dict[str, str], status: int) -> None:
    reply = httpx2.get(f"{serve().url}/v1/models", headers=headers)
    assert reply.status_code == status
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("x.y", False)],
)
def test_loopback(host: str, local: bool) -> None:
    assert is_loopback(host) is local


# --- the table ---


def test_every_error_class_has_an_answer() -> None:
    def below(kind: type[errors.AfinaError]) -> list[type[errors.AfinaError]]:
        return [kind, *(k for child in kind.__subclasses__() for k in below(child))]

    for kind in below(errors.AfinaError):
        row = next(TABLE[k] for k in kind.__mro__ if k in TABLE)
        assert 400 <= row.status < 600
    assert TABLE[errors.Conflict].headers["x-should-retry"] == "false"


def test_errors_carry_their_field_and_code() -> None:
    error = errors.Unsupported("no", param="tools")
    assert error_body(error)["error"] == {
        "message": "no", "type": "invalid_request_error", "param": "tools", "code": "unsupported_parameter"
    }  # fmt: skip
    assert answered(errors.EngineError("x", retriable=True)).status == 503
    assert answered(errors.EngineTimeout("x", retriable=True)).status == 504
    assert failed_refusal(Failed("engine_timeout", "late")).status == 504
    assert failed_refusal(Failed("never heard of", "x")).status == 500


def test_the_field_that_is_wrong() -> None:
    body = json.loads('{"messages": [{"role": 1}], "stop": 3}')
    assert param_of(("body", "messages", 0, "role"), body) == "messages[0].role"
    assert param_of(("body", "messages", 0, "content"), body) == "messages[0].content"
    assert param_of(("body", "stop", "list[str]"), body) == "stop"
    assert param_of(("body", "model"), body) == "model"
    assert param_of(("body",), body) is None
