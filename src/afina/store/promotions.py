"""Which recipe a name was moved to, and from which: what promotion writes down so that it can be rolled back."""

import time
from dataclasses import dataclass
from typing import Any

from afina.domain.ask import Scope
from afina.errors import Conflict, NotFound, nearest
from afina.store import recipes
from afina.store.db import Store


@dataclass(frozen=True, slots=True)
class Promotion:
    """before: the name that answered, '' where nothing did. undone: when it was rolled back, None if it stands."""

    name: str
    number: int
    target: str
    before: str
    study: str
    arm: str
    made: float
    undone: float | None = None


def promote(store: Store, scope: Scope, name: str, target: str, *, study: str, arm: str) -> Promotion:
    """Point `name` at `target`, and write down what it pointed at, in one transaction.

    Raises:
        ConfigError: the name would lead back to itself.
    """
    with store.writing() as db:
        before = recipes.aliases(store, scope).get(name, "")
        number = len(of_name(store, scope, name)) + 1
        made = Promotion(name, number, target, before, study, arm, time.time())
        recipes.point(store, scope, name, target)
        db.execute(
            "INSERT INTO promotions (project, name, number, target, before, study, arm, made) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (scope.project, name, number, target, before, study, arm, made.made),
        )
    return made


def roll_back(store: Store, scope: Scope, name: str) -> Promotion:
    """Point `name` at what it pointed at before its last promotion that still stands; returns that promotion.

    Raises:
        NotFound: no promotion of this name stands. Conflict: nothing answered before, or something else moved the name.
    """
    with store.writing() as db:
        standing = [p for p in of_name(store, scope, name) if p.undone is None]
        if not standing:
            known = sorted({p.name for p in every(store, scope) if p.undone is None})
            raise NotFound(f'no promotion of "{name}" can be rolled back{nearest(name, known)}')
        last = standing[-1]
        if not last.before:
            raise Conflict(f'nothing answered under "{name}" before it was promoted to {last.arm}')
        if recipes.aliases(store, scope).get(name) != last.target:
            raise Conflict(f'"{name}" was pointed elsewhere since it was promoted to {last.arm}')
        recipes.point(store, scope, name, last.before)
        db.execute(
            "UPDATE promotions SET undone = ? WHERE project = ? AND name = ? AND number = ?",
            (time.time(), scope.project, name, last.number),
        )
    return last


def of_name(store: Store, scope: Scope, name: str) -> list[Promotion]:
    """Oldest first."""
    return [p for p in every(store, scope) if p.name == name]


def every(store: Store, scope: Scope) -> list[Promotion]:
    """All of them, by name, oldest first."""
    with store.reading() as db:
        rows = db.execute(
            "SELECT * FROM promotions WHERE project = ? ORDER BY name, number", (scope.project,)
        ).fetchall()
    return [_promotion(row) for row in rows]


def _promotion(row: Any) -> Promotion:
    return Promotion(
        row["name"], row["number"], row["target"], row["before"], row["study"], row["arm"], row["made"], row["undone"]
    )
