"""Studies over HTTP: listed, shown, and their arms promoted and rolled back while the server runs."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from afina.actions.compare import compare
from afina.contracts import Prompt
from afina.domain.abstention import ANSWER_FORM
from afina.domain.example import Case
from afina.evaluation.design import Design
from afina.store import studies
from afina.testing.echo import EchoEngine
from afina.testing.serving import Serving

Serve = Callable[..., Serving]
PRICES = {f"lamp {n}": f"{n * 10} euros" for n in range(1, 17)}
CASES = [Case(f"c-{name}", f"What does the {name} cost?", (price,), lang="en") for name, price in PRICES.items()]


def instructed(prompt: Prompt, choice: int) -> str:
    """Knows a price when it was told more than the form of the answer."""
    told = len(prompt.messages[0].content) > len(ANSWER_FORM["en"])
    name = prompt.messages[-1].content.removeprefix("What does the ").removesuffix(" cost?")
    return PRICES[name] if told else "5 dollars"


@pytest.fixture
def up(serve: Serve) -> Serving:
    """A server whose workspace has a finished study, "lamps", in which "prompt" is better than "base"."""
    up = serve(EchoEngine(instructed))
    compare(up.ws, CASES, Design(arms=("prompt",)), name="lamps")
    return up


def get(up: Serving, path: str) -> httpx2.Response:
    return httpx2.get(f"{up.url}/v1/afina{path}")


def post(up: Serving, path: str, body: Any = None) -> httpx2.Response:
    return httpx2.post(f"{up.url}/v1/afina{path}", json=body)


def refusal(reply: httpx2.Response) -> tuple[int, str, str | None]:
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return reply.status_code, error["code"], error["param"]


def asked(client: openai.OpenAI, model: str = "shop") -> str | None:
    message: Any = {"role": "user", "content": CASES[2].question}
    return client.chat.completions.create(model=model, messages=[message]).choices[0].message.content


def test_a_promoted_name_answers_at_once_and_goes_back(up: Serving) -> None:
    client = up.client()
    with pytest.raises(openai.NotFoundError):
        asked(client)
    first = post(up, "/studies/lamps/promote", {"name": "shop", "arm": "base", "anyway": True}).json()
    assert (first["object"], first["name"], first["arm"], first["before"]) == ("afina.promotion", "shop", "base", None)
    assert asked(client) == "5 dollars"
    second = post(up, "/studies/lamps/promote", {"name": "shop"}).json()
    assert (second["arm"], second["before"]) == ("prompt", first["recipe"])
    assert asked(client) == "30 euros"
    assert "shop" in [m.id for m in client.models.list().data]
    back = post(up, "/models/shop/rollback").json()
    assert (back["name"], back["recipe"], back["before"]) == ("shop", first["recipe"], second["recipe"])
    assert back["study"] == second["study"]
    assert asked(client) == "5 dollars"
    assert refusal(post(up, "/models/shop/rollback")) == (409, "conflict", None)
    assert asked(client) == "5 dollars"


def test_the_official_client_can_call_it(up: Serving) -> None:
    client = up.client()
    made: Any = client.post("/afina/studies/lamps/promote", body={"name": "ft:shop/one"}, cast_to=object)
    assert made["arm"] == "prompt"
    assert asked(client, "ft:shop/one") == "30 euros"
    with pytest.raises(openai.ConflictError, match="nothing answered"):
        client.post("/afina/models/ft:shop/one/rollback", cast_to=object)
    with pytest.raises(openai.NotFoundError):
        client.get("/afina/studies/lumps", cast_to=object)


def test_what_is_not_proven_is_not_promoted(up: Serving) -> None:
    worse = post(up, "/studies/lamps/promote", {"name": "shop", "arm": "base"})
    assert refusal(worse) == (409, "conflict", None)
    assert "base may be worse than prompt: -100.0 points" in worse.json()["error"]["message"]
    taken = post(up, "/studies/lamps/promote", {"name": "documents"})
    assert refusal(taken) == (409, "conflict", None)
    assert refusal(post(up, "/studies/lamps/promote", {"name": "shop", "arm": "promt"})) == (404, "not_found", None)
    assert refusal(post(up, "/studies/lumps/promote", {"name": "shop"})) == (404, "not_found", None)
    assert refusal(post(up, "/models/shop/rollback")) == (404, "not_found", None)
    assert "shop" not in up.ws.model_names()


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/studies/lamps/promote", {"arms": "base"}, "arms"),
        ("/studies/lamps/promote", {"anyway": "yes"}, "anyway"),
        ("/studies/lamps/promote", {"name": ""}, "name"),
        ("/studies/lamps/promote", None, None),
        ("/models/shop/rollback", {"study": "lamps"}, "study"),
    ],
)
def test_a_body_that_says_something_else_is_refused(serve: Serve, path: str, body: Any, param: str | None) -> None:
    assert refusal(post(serve(), path, body)) == (400, "invalid_value", param)


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("/studies?limit=3", "limit"),
        ("/studies/lamps?case=true", "case"),
        ("/studies/lamps?cases=perhaps", "cases"),
        ("/studies/lamps/report?language=es", "language"),
    ],
)
def test_an_address_that_says_something_else_is_refused(serve: Serve, path: str, param: str) -> None:
    assert refusal(get(serve(), path)) == (400, "invalid_value", param)


def test_studies_are_listed_newest_first(up: Serving) -> None:
    body = json.loads(json.dumps(studies.latest(up.ws.store, up.ws.scope)[0].body))
    begun = {"design": body["design"], "cases": body["cases"][:3]}
    studies.begin(up.ws.store, up.ws.scope, "study-begun", name="lamps", body=begun)
    said = get(up, "/studies").json()
    assert (said["object"], said["has_more"], said["first_id"]) == ("list", False, "study-begun")
    begun, done = said["data"]
    assert begun | {"created": 0} == {
        "id": "study-begun", "object": "afina.study", "created": 0, "name": "lamps", "task": "answer", "cases": 3,
        "arms": [], "recommended": None, "finished": False,
    }  # fmt: skip
    assert (done["arms"], done["recommended"], done["finished"]) == (["base", "prompt"], "prompt", True)
    assert done["created"] > 1_700_000_000
    unfinished = get(up, "/studies/study-begun")
    assert refusal(unfinished) == (409, "conflict", None)
    assert unfinished.headers["x-should-retry"] == "false"


def test_a_report_is_given_with_its_cases_only_where_they_are_asked_for(up: Serving) -> None:
    plain = get(up, "/studies/lamps").json()
    assert plain["object"] == "afina.report"
    assert plain["recommendation"]["arm"] == "prompt"
    assert [arm["name"] for arm in plain["arms"]] == ["base", "prompt"]
    assert not {"results", "texts"} & set(plain)
    assert "What does the lamp 1 cost?" not in json.dumps(plain)
    whole = get(up, f"/studies/{plain['id']}?cases=true").json()
    assert {name: value for name, value in whole.items() if name not in ("results", "texts")} == plain
    assert len(whole["results"]) == len(CASES)
    named = {name for r in whole["results"] for row in r["rows"].values() for call in row["prompts"] for name in call}
    assert named
    assert named <= set(whole["texts"])


def test_a_report_is_a_page_in_a_language(up: Serving) -> None:
    for query, lang in (("", "en"), ("?lang=es", "es")):
        page = get(up, f"/studies/lamps/report{query}")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert f'<html lang="{lang}"' in page.text
        assert "What does the lamp 1 cost?" in page.text
    for unknown in ("fr", "../en", ""):
        assert refusal(get(up, f"/studies/lamps/report?lang={unknown}")) == (400, "invalid_value", "lang")
