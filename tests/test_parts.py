"""A recipe's sampling: what is refused before anything is asked, and what then reaches the model."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from afina.domain.answer import Finish, Piece, collected
from afina.domain.artefact import Recipe
from afina.domain.ask import Ask, Sampling, ask_of
from afina.errors import ConfigError
from afina.parts import check_recipe, settled


def recipe(sampling: Mapping[str, Any]) -> Recipe:
    return Recipe("mine", "local", sampling=sampling)


def obeyed(sampling: Mapping[str, Any], *, ask: Ask | None = None) -> Sampling:
    """The sampling with which the model is asked."""
    seen: list[Sampling] = []

    async def model(ask: Ask, /) -> AsyncIterator[Piece]:
        seen.append(ask.sampling)
        yield Finish(reason="stop")

    asyncio.run(collected(settled(model, adapter=None, sampling=sampling)(ask or ask_of("?"))))
    return seen[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", "hot"),
        ("temperature", -1),
        ("temperature", float("nan")),
        ("max_tokens", "256"),
        ("max_tokens", 2.5),
        ("max_tokens", 0),
        ("n", True),
        ("n", 0),
        ("top_p", 0),
        ("stop", [1]),
        ("stop", 5),
        ("logprobs", "yes"),
        ("top_logprobs", 21),
        ("logit_bias", {"word": 1}),
        ("logit_bias", [5]),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_place(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f'^recipe "mine", sampling: "{name}'):
        check_recipe(recipe({name: value}), {})
    with pytest.raises(ConfigError, match=f'^sampling: "{name}'):
        obeyed({name: value})


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r'"max_token" is not a key here.*max_tokens'):
        check_recipe(recipe({"max_token": 5}), {})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"stop": "END"}, Sampling(stop=("END",))),
        ({"stop": ["END", "\n"]}, Sampling(stop=("END", "\n"))),
        ({"stop": ("END",)}, Sampling(stop=("END",))),
        ({"temperature": 1, "max_tokens": 256}, Sampling(temperature=1.0, max_tokens=256)),
        ({"logit_bias": {"5": -100}}, Sampling(logit_bias={5: -100.0})),  # keys are text in TOML and JSON
        ({"seed": None}, Sampling()),
    ],
)
def test_what_is_right_reaches_the_model(written: dict[str, Any], expected: Sampling) -> None:
    check_recipe(recipe(written), {})
    assert obeyed(written) == expected
    assert obeyed(json.loads(json.dumps(written))) == expected  # as the store gives it back


def test_what_the_client_set_stands_above_the_recipe() -> None:
    ask = ask_of("?", sampling=Sampling(stop=("X",), temperature=0.5))
    assert obeyed({"stop": "END", "max_tokens": 9}, ask=ask) == Sampling(stop=("X",), temperature=0.5, max_tokens=9)
