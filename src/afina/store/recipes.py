"""Recipes made at run time, and aliases: names that promotion moves from one recipe to another."""

import json
import time
from collections.abc import Mapping
from typing import Any

from afina.domain.artefact import Recipe, Stage
from afina.domain.ask import Scope
from afina.domain.document import digest
from afina.errors import ConfigError, NotFound, nearest
from afina.store.db import Store

ALIAS = "alias"


def put(store: Store, scope: Scope, recipe: Recipe) -> None:
    """Keep a recipe under its name; one of the same name is replaced. Its names must have been checked (parts.py)."""
    _write(store, scope, recipe.name, recipe.digest, body_of(recipe))


def point(store: Store, scope: Scope, alias: str, target: str) -> None:
    """Let `alias` stand for `target`: a recipe, a model or another alias.

    Raises:
        ConfigError: the alias would lead back to itself.
    """
    with store.writing():
        path = [alias, *_followed(store, scope, target)]
        if alias in path[1:]:
            raise ConfigError(f'alias "{alias}" leads back to itself: {" -> ".join(path)}')
        _write(store, scope, alias, digest(ALIAS, target), {ALIAS: target})


def target_of(store: Store, scope: Scope, name: str) -> str:
    """The name at the end of a chain of aliases; the name itself if it is none."""
    return _followed(store, scope, name)[-1]


def find(store: Store, scope: Scope, name: str) -> Recipe:
    """A stored recipe; aliases are followed.

    Raises:
        NotFound: no such recipe in this scope; names the nearest.
    """
    end = target_of(store, scope, name)
    body = _read(store, scope, end)
    if body is None:
        raise NotFound(f'no stored recipe is called "{end}"{nearest(end, names(store, scope))}')
    return recipe_of(end, body)


def names(store: Store, scope: Scope) -> list[str]:
    """Of recipes and aliases."""
    with store.reading() as db:
        rows = db.execute("SELECT name FROM recipes WHERE project = ? ORDER BY name", (scope.project,)).fetchall()
    return [row["name"] for row in rows]


def aliases(store: Store, scope: Scope) -> dict[str, str]:
    """alias -> what it points at."""
    found = {name: _read(store, scope, name) or {} for name in names(store, scope)}
    return {name: str(body[ALIAS]) for name, body in found.items() if ALIAS in body}


def remove(store: Store, scope: Scope, name: str) -> None:
    """Raises NotFound."""
    with store.writing() as db:
        gone = db.execute("DELETE FROM recipes WHERE project = ? AND name = ?", (scope.project, name)).rowcount
    if not gone:
        raise NotFound(f'no stored recipe is called "{name}"{nearest(name, names(store, scope))}')


def body_of(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON, without its name."""
    return {
        "engine": recipe.engine,
        "adapter": recipe.adapter,
        "gather": [{"use": s.use, "options": dict(s.options)} for s in recipe.gather],
        "control": [{"use": s.use, "options": dict(s.options)} for s in recipe.control],
        "sampling": dict(recipe.sampling),
    }


def recipe_of(name: str, body: Mapping[str, Any]) -> Recipe:
    return Recipe(
        name=name,
        engine=body["engine"],
        adapter=body["adapter"],
        gather=tuple(Stage(s["use"], s["options"]) for s in body["gather"]),
        control=tuple(Stage(s["use"], s["options"]) for s in body["control"]),
        sampling=body["sampling"],
    )


def _followed(store: Store, scope: Scope, name: str) -> list[str]:
    """`name` and every alias after it, the last one no alias (or the first that comes again)."""
    path = [name]
    while (body := _read(store, scope, path[-1])) and ALIAS in body:
        path.append(body[ALIAS])
        if path[-1] in path[:-1]:
            break
    return path


def _read(store: Store, scope: Scope, name: str) -> dict[str, Any] | None:
    with store.reading() as db:
        row = db.execute("SELECT body FROM recipes WHERE project = ? AND name = ?", (scope.project, name)).fetchone()
    return None if row is None else json.loads(row["body"])


def _write(store: Store, scope: Scope, name: str, recipe_digest: str, body: Mapping[str, Any]) -> None:
    with store.writing() as db:
        db.execute(
            "INSERT OR REPLACE INTO recipes (project, name, digest, body, created) VALUES (?, ?, ?, ?, ?)",
            (scope.project, name, recipe_digest, json.dumps(body, ensure_ascii=False), time.time()),
        )
