"""Models on the wire: OpenAI's object, and what Afina knows of each as extra fields."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from afina.contracts import EngineCard
from afina.domain.artefact import Recipe


def model_of(recipe: Recipe, *, created: int, card: EngineCard | None) -> dict[str, Any]:
    """A model that answers. card None: its engine has not been opened yet, so what it can do is not known.

    created: Unix seconds.
    """
    return {
        "id": recipe.name,
        "object": "model",
        "created": created,
        "owned_by": "afina",
        "shutdown_date": None,
        "afina": {
            "kind": "chat",
            "recipe": recipe.digest,
            "engine": recipe.engine,
            "adapter": recipe.adapter,
            "gather": [stage.use for stage in recipe.gather],
            "control": [stage.use for stage in recipe.control],
            "base": card.model if card else None,
            "context_tokens": card.context_tokens if card else None,
            "can": asdict(card.can) if card else None,
        },
    }


def embedding_model_of(name: str, collections: Mapping[str, str], *, created: int) -> dict[str, Any]:
    """A model that embeds, and the collections that use it."""
    return {
        "id": name,
        "object": "model",
        "created": created,
        "owned_by": "afina",
        "shutdown_date": None,
        "afina": {"kind": "embedding", "collections": sorted(c for c, used in collections.items() if used == name)},
    }
