"""Models, embeddings, search and the private engine routes, with the official client over a real socket."""

import base64
import struct
from collections.abc import Callable

import httpx2
import numpy as np
import openai
import pytest

from afina.api.auth import Access
from afina.contracts import Prompt
from afina.domain.ask import Sampling
from afina.domain.message import Message
from afina.engines._codec import decode_card, decode_piece, decode_scored, encode_messages, encode_prompt
from afina.testing.echo import EchoEngine
from afina.testing.fakes import WordEmbedder
from afina.testing.serving import TOKEN, Serving

Serve = Callable[..., Serving]
OWN = {"authorization": f"Bearer {TOKEN}"}


# --- models ---


def test_models_are_listed_with_what_they_can(serve: Serve) -> None:
    models = serve().client().models.list().data
    assert [m.id for m in models] == ["documents", "bundled-135m", "minilm"]
    chat = models[0].model_extra
    assert chat is not None
    assert chat["afina"]["gather"] == ["prompt", "knowledge"]
    assert chat["afina"]["can"]["score"] is True
    assert chat["afina"]["context_tokens"] == 4096
    embedding = models[2].model_extra
    assert embedding is not None
    assert embedding["afina"] == {"kind": "embedding", "collections": ["docs"]}
    assert all(m.object == "model" and m.created > 1_700_000_000 and m.owned_by == "afina" for m in models)


@pytest.mark.parametrize("name", ["documents", "minilm", "ft:base:org/unit:suffix"])
def test_a_model_is_found_by_its_id(serve: Serve, name: str) -> None:
    client = serve(toml='\n[recipes."ft:base:org/unit:suffix"]\n').client()
    assert client.models.retrieve(name).id == name


def test_no_such_model(serve: Serve) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        serve().client().models.retrieve("a/b:c")
    assert unknown.value.code == "model_not_found"


# --- embeddings ---


def test_embeddings_in_both_encodings_are_the_same_numbers(serve: Serve) -> None:
    client = serve().client()
    texts = ["one text", "another one"]
    default = client.embeddings.create(model="minilm", input=texts)
    floats = client.embeddings.create(model="minilm", input=texts, encoding_format="float")
    expected = WordEmbedder().embed(texts)
    for made in (default, floats):
        assert [e.index for e in made.data] == [0, 1]
        np.testing.assert_allclose([e.embedding for e in made.data], expected, rtol=1e-6)
    assert default.usage.prompt_tokens == default.usage.total_tokens == 4
    raw = client.post(
        "/embeddings",
        body={"model": "minilm", "input": "one text", "encoding_format": "base64"},
        cast_to=httpx2.Response,
    ).json()
    unpacked = struct.unpack("<256f", base64.b64decode(raw["data"][0]["embedding"]))
    np.testing.assert_allclose(unpacked, expected[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": [1, 2, 3]}, "input"),
        ({"input": [[1, 2], [3]]}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": "a", "dimensions": 8}, "dimensions"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
    ],
)
def test_embeddings_that_cannot_be_made(serve: Serve, fields: dict[str, object], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        serve().client().post("/embeddings", body={"model": "minilm", **fields}, cast_to=object)
    assert refused.value.param == param


def test_the_dimensions_that_a_model_has_may_be_asked_for(serve: Serve) -> None:
    made = serve().client().embeddings.create(model="minilm", input="a", dimensions=256)
    assert len(made.data[0].embedding) == 256


def test_no_such_embedding_model(serve: Serve) -> None:
    with pytest.raises(openai.NotFoundError, match="minilm"):
        serve().client().embeddings.create(model="minilmm", input="a")


# --- our own ---


def test_search_gives_passages_best_first(serve: Serve) -> None:
    up = serve()
    found = httpx2.post(f"{up.url}/v1/afina/search", json={"query": "weeks of leave", "top_k": 1}).json()
    assert [p["document"] for p in found["data"]] == ["leave.md"]
    assert found["data"][0]["text"] == "Parents get sixteen weeks of leave."
    assert found["first_id"] == found["last_id"] == found["data"][0]["passage_id"]
    wrong = httpx2.post(f"{up.url}/v1/afina/search", json={"query": "x", "topk": 1})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "topk")


def test_the_engine_routes_carry_the_whole_contract(serve: Serve) -> None:
    engine = EchoEngine()
    up = serve(engine)
    messages = (Message("user", "a b c"),)

    def post(name: str, body: dict[str, object]) -> httpx2.Response:
        return httpx2.post(f"{up.url}/v1/afina/engine/{name}", json=body, headers=OWN)

    assert decode_card(post("card", {}).json()) == engine.card
    assert post("count", {"engine": "local", "messages": encode_messages(messages)}).json() == {"tokens": 5}
    assert post("count", {"text": "a b"}).json() == {"tokens": 2}
    assert post("count", {}).status_code == 400
    assert post("cpu", {}).json()["seconds"] > 0
    lines = post("generate", {"prompt": encode_prompt(Prompt(messages, Sampling(max_tokens=2)))}).text.splitlines()
    pieces = [decode_piece(httpx2.Response(200, text=line).json()) for line in lines]
    assert [type(p).__name__ for p in pieces] == ["Text", "Text", "Used", "Finish"]
    scored = post("score", {"pairs": [{"messages": encode_messages(messages), "answer": "a b c"}]}).json()["scored"]
    assert decode_scored(scored[0]).ids == decode_scored(scored[0]).best
    assert post("card", {"engine": "locale"}).status_code == 400


@pytest.mark.parametrize("bearer", [None, "wrong", "a-key"])
def test_the_engine_routes_are_private(serve: Serve, bearer: str | None) -> None:
    up = serve(access=Access(TOKEN, key="a-key"))
    headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
    for name in ("card", "count", "generate", "score", "cpu"):
        assert httpx2.post(f"{up.url}/v1/afina/engine/{name}", json={}, headers=headers).status_code == 401
