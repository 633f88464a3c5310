"""Model names: what a request may call, and the recipe that each stands for."""

from contextlib import suppress

from afina.config import Config
from afina.domain.artefact import Recipe
from afina.domain.ask import Scope
from afina.errors import NotFound, nearest
from afina.store import artefacts, recipes
from afina.store.db import Store

OF_STUDIES = "study-"
"""Names that begin so are a study's own: its id, its seeds, its demonstrations."""


def recipe_called(store: Store, scope: Scope, config: Config, name: str) -> Recipe:
    """What answers under a name: a stored recipe or alias, one of afina.toml, an adapter, a base, in this order.

    Raises:
        NotFound: none of them; names the nearest.
    """
    target = recipes.target_of(store, scope, name)
    with suppress(NotFound):
        return recipes.find(store, scope, target)
    found = config.recipe(target) or _of_adapter(store, scope, config, target) or _of_base(config, target)
    if found is None:
        raise NotFound(f'no model is called "{name}"{nearest(name, model_names(store, scope, config))}')
    return found


def model_names(store: Store, scope: Scope, config: Config) -> list[str]:
    """Everything that a request may name: stored recipes and aliases, those of afina.toml, adapters, bases."""
    bases = [config.model_of(engine) for engine in config.engine_names]
    stored = recipes.names(store, scope)
    return list(dict.fromkeys([*stored, *config.recipes, *artefacts.names(store, scope, "adapter"), *bases]))


def _of_adapter(store: Store, scope: Scope, config: Config, name: str) -> Recipe | None:
    """A tuned model: the engine it was made for, with the adapter."""
    with suppress(NotFound):
        adapter = artefacts.find(store, scope, "adapter", name)
        engine = str(adapter.meta.get("engine", ""))
        return Recipe(name, engine if engine in config.engine_names else config.workspace.engine, adapter.digest)
    return None


def _of_base(config: Config, name: str) -> Recipe | None:
    preferred = [config.workspace.engine, *config.engine_names]
    engine = next((e for e in preferred if name in (e, config.model_of(e))), None)
    return None if engine is None else Recipe(name, engine)
