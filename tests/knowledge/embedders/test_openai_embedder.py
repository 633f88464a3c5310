"""The embedder by URL against a server that answers, refuses, stalls and babbles."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from afina.errors import EngineError, EngineTimeout
from afina.knowledge.embedders.openai import OpenAIEmbedder, Options


class Fake:
    """Answers embeddings of (length of the text, 1); `script` says what to do with the next requests instead."""

    def __init__(self) -> None:
        self.script: list[tuple[int, bytes]] = []
        self.seen: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.released = threading.Event()

    def answer(self, body: dict[str, Any]) -> tuple[int, bytes]:
        if self.script:
            return self.script.pop(0)
        rows = [row(n, [float(len(text)), 1.0], body["encoding_format"]) for n, text in enumerate(body["input"])]
        return 200, json.dumps({"data": rows[::-1]}).encode()


def row(index: int, vector: list[float], encoding: str) -> dict[str, Any]:
    packed = base64.b64encode(np.array(vector, "<f4").tobytes()).decode()
    return {"index": index, "embedding": packed if encoding == "base64" else vector}


@pytest.fixture
def fake() -> Iterator[Fake]:
    made = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            made.seen.append({**body, "path": self.path})
            made.keys.append(self.headers.get("authorization"))
            status, data = made.answer(body)
            if status == 0:
                made.released.wait(5)
                return
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.send_header("retry-after", "2")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}/v1"  # type: ignore[attr-defined]
    yield made
    made.released.set()
    server.shutdown()
    server.server_close()


def embedder(fake: Fake, sleeps: list[float] | None = None, **options: Any) -> OpenAIEmbedder:
    given = Options.model_validate({"url": fake.url, "model": "m", **options})  # type: ignore[attr-defined]
    return OpenAIEmbedder(given, sleep=(sleeps if sleeps is not None else []).append)


@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_rows_come_in_order_and_of_length_one(fake: Fake, encoding: str) -> None:
    made = embedder(fake, encoding=encoding, batch=2, api_key="k")
    vectors = made.embed(["a", "bbbb", "cc"])
    assert np.allclose(vectors[:, 0] / vectors[:, 1], [1, 4, 2])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert [len(body["input"]) for body in fake.seen] == [2, 1]
    assert fake.seen[0]["path"] == "/v1/embeddings"
    assert fake.keys[0] == "Bearer k"
    assert made.dim == 2


def test_prefixes_and_dimensions_are_sent(fake: Fake) -> None:
    made = embedder(fake, query_prefix="query: ", passage_prefix="passage: ", dimensions=2)
    made.embed(["x"], kind="query")
    made.embed(["y"])
    assert [body["input"] for body in fake.seen] == [["query: x"], ["passage: y"]]
    assert fake.seen[0]["dimensions"] == 2
    assert "dimensions" in fake.seen[1]


def test_it_tries_again_and_waits_as_asked(fake: Fake) -> None:
    fake.script = [(429, b"slow down"), (503, b"busy")]
    sleeps: list[float] = []
    assert embedder(fake, sleeps).embed(["x"]).shape == (1, 2)
    assert len(fake.seen) == 3
    assert sleeps == [2.0, 2.0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((400, b"no such model"), "answered 400: no such model"),
        ((200, b"<html>"), "no JSON"),
        ((200, b'{"data": []}'), "something else"),
        ((200, json.dumps({"data": [row(0, [1.0], "float"), row(1, [1.0], "float")]}).encode()), "2 vectors for 1"),
        ((200, json.dumps({"data": [{"index": 0, "embedding": "***"}]}).encode()), "something else"),
        ((200, b'{"data": [{"index": 0, "embedding": [NaN]}]}'), "not numbers"),
    ],
)
def test_babble_is_an_error(fake: Fake, answer: tuple[int, bytes], words: str) -> None:
    fake.script = [answer]
    with pytest.raises(EngineError, match=words):
        embedder(fake).embed(["x"])


def test_it_gives_up(fake: Fake) -> None:
    fake.script = [(500, b"oops")] * 3
    with pytest.raises(EngineError, match="answered 500: oops") as raised:
        embedder(fake, retries=2).embed(["x"])
    assert raised.value.retriable
    fake.script = [(0, b"")]
    with pytest.raises(EngineTimeout, match=r"did not answer in 0\.2 s"):
        embedder(fake, retries=0, timeout_s=0.2).embed(["x"])
    nobody = OpenAIEmbedder(Options(url="http://127.0.0.1:9/v1", model="m", retries=0))
    with pytest.raises(EngineError, match="cannot be reached"):
        nobody.embed(["x"])


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(Options.model_validate({"url": "u", "model": "m", "api_key": "secret"}))
