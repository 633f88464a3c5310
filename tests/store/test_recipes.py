"""Stored recipes and aliases."""

from pathlib import Path

import pytest

from afina.domain.artefact import Recipe, Stage
from afina.domain.ask import Scope
from afina.errors import ConfigError, NotFound
from afina.store import meta, recipes
from afina.store.db import Store, open_store

SCOPE = Scope()
SUPPORT = Recipe(
    "support",
    "local",
    adapter="law",
    gather=(Stage("prompt", {"instructions": "Sé breve."}), Stage("knowledge", {"where": {"year": "2024"}})),
    control=(Stage("routed", {"large": "big"}),),
    sampling={"max_tokens": 5},
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "afina.db")


def test_a_recipe_comes_back_as_it_was(store: Store) -> None:
    recipes.put(store, SCOPE, SUPPORT)
    assert recipes.find(store, SCOPE, "support") == SUPPORT
    assert recipes.find(store, SCOPE, "support").digest == SUPPORT.digest
    with pytest.raises(NotFound, match='did you mean "support"'):
        recipes.find(store, SCOPE, "suport")
    with pytest.raises(NotFound):
        recipes.find(store, Scope("other"), "support")


def test_aliases_are_followed_and_moved(store: Store) -> None:
    recipes.put(store, SCOPE, SUPPORT)
    recipes.point(store, SCOPE, "live", "support")
    recipes.point(store, SCOPE, "public", "live")
    assert recipes.find(store, SCOPE, "public").name == "support"
    recipes.point(store, SCOPE, "live", "bundled-135m")
    assert recipes.target_of(store, SCOPE, "public") == "bundled-135m"
    assert recipes.aliases(store, SCOPE) == {"live": "bundled-135m", "public": "live"}


def test_alias_circles_are_refused(store: Store) -> None:
    recipes.point(store, SCOPE, "b", "c")
    recipes.point(store, SCOPE, "a", "b")
    with pytest.raises(ConfigError, match="c -> a -> b -> c"):
        recipes.point(store, SCOPE, "c", "a")
    with pytest.raises(ConfigError, match="x -> x"):
        recipes.point(store, SCOPE, "x", "x")
    assert recipes.names(store, SCOPE) == ["a", "b"]


def test_removing(store: Store) -> None:
    recipes.put(store, SCOPE, SUPPORT)
    recipes.remove(store, SCOPE, "support")
    assert recipes.names(store, SCOPE) == []
    with pytest.raises(NotFound):
        recipes.remove(store, SCOPE, "support")


def test_id_and_key_are_made_once(tmp_path: Path) -> None:
    one, two = open_store(tmp_path / "afina.db"), open_store(tmp_path / "afina.db")
    assert meta.workspace_id(one) == meta.workspace_id(two)
    assert meta.signing_key(one) == meta.signing_key(two)
    assert len(meta.signing_key(one)) == 32
    other = open_store(tmp_path / "other.db")
    assert meta.signing_key(other) != meta.signing_key(one)
