"""Names that are moved and moved back, each step written down."""

from pathlib import Path

import pytest

from afina.domain.artefact import Recipe
from afina.domain.ask import Scope
from afina.errors import ConfigError, Conflict, NotFound
from afina.store import promotions, recipes
from afina.store.db import Store, open_store

SCOPE = Scope()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(tmp_path / "afina.db")
    for name in ("one", "two", "three"):
        recipes.put(store, SCOPE, Recipe(name, "local", sampling={"seed": len(name)}))
    return store


def promote(store: Store, target: str, *, name: str = "support") -> promotions.Promotion:
    return promotions.promote(store, SCOPE, name, target, study=f"study-{target}", arm=f"arm-{target}")


def answering(store: Store, name: str = "support") -> str:
    return recipes.find(store, SCOPE, name).name


def test_a_promotion_moves_the_name_and_is_written_down(store: Store) -> None:
    first = promote(store, "one")
    assert answering(store) == "one"
    assert (first.number, first.before, first.study, first.arm) == (1, "", "study-one", "arm-one")
    second = promote(store, "two")
    assert answering(store) == "two"
    assert (second.number, second.before) == (2, "one")
    assert promotions.of_name(store, SCOPE, "support") == [first, second]


def test_rolling_back_goes_one_step_at_a_time(store: Store) -> None:
    for target in ("one", "two", "three"):
        promote(store, target)
    undone = promotions.roll_back(store, SCOPE, "support")
    assert (undone.target, undone.before) == ("three", "two")
    assert answering(store) == "two"
    promotions.roll_back(store, SCOPE, "support")
    assert answering(store) == "one"
    with pytest.raises(Conflict, match='nothing answered under "support" before it was promoted to arm-one'):
        promotions.roll_back(store, SCOPE, "support")
    assert answering(store) == "one"
    assert [p.undone is None for p in promotions.of_name(store, SCOPE, "support")] == [True, False, False]


def test_what_was_rolled_back_is_not_rolled_back_again(store: Store) -> None:
    promote(store, "one")
    promote(store, "two")
    promotions.roll_back(store, SCOPE, "support")
    third = promote(store, "three")
    assert (third.number, third.before) == (3, "one")
    assert promotions.roll_back(store, SCOPE, "support").target == "three"
    assert answering(store) == "one"


def test_a_name_that_something_else_moved_is_left_alone(store: Store) -> None:
    promote(store, "one")
    promote(store, "two")
    recipes.point(store, SCOPE, "support", "three")
    with pytest.raises(Conflict, match="pointed elsewhere"):
        promotions.roll_back(store, SCOPE, "support")
    assert answering(store) == "three"
    assert all(p.undone is None for p in promotions.of_name(store, SCOPE, "support"))


def test_a_name_that_was_never_promoted(store: Store) -> None:
    promote(store, "one")
    with pytest.raises(NotFound, match='did you mean "support"'):
        promotions.roll_back(store, SCOPE, "suport")


def test_a_promotion_that_would_lead_back_to_itself_leaves_nothing(store: Store) -> None:
    promote(store, "one")
    recipes.point(store, SCOPE, "public", "support")
    with pytest.raises(ConfigError, match="leads back to itself"):
        promote(store, "public")
    assert answering(store) == "one"
    assert len(promotions.of_name(store, SCOPE, "support")) == 1


def test_another_project_has_names_of_its_own(store: Store) -> None:
    promote(store, "one")
    promote(store, "two")
    other = Scope("other")
    assert promotions.every(store, other) == []
    with pytest.raises(NotFound):
        promotions.roll_back(store, other, "support")
    recipes.put(store, other, Recipe("one", "local"))
    made = promotions.promote(store, other, "support", "one", study="s", arm="a")
    assert (made.number, made.before) == (1, "")
    promotions.roll_back(store, SCOPE, "support")
    assert (answering(store), recipes.find(store, other, "support").name) == ("one", "one")
    assert promotions.of_name(store, other, "support") == [made]


def test_names_are_apart_from_each_other(store: Store) -> None:
    promote(store, "one")
    promote(store, "two", name="triage")
    assert [(p.name, p.number, p.before) for p in promotions.every(store, SCOPE)] == [
        ("support", 1, ""),
        ("triage", 1, ""),
    ]
