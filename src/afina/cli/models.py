"""List the models that a request may name, and what stands behind each."""

from typing import Annotated, Any

import typer

from afina.actions.embed import embedding_models
from afina.cli._screen import say_json, table
from afina.cli._workspace import WorkspaceOption, opened
from afina.domain.artefact import Recipe


def run(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """List the models that a request may name, and what stands behind each."""
    with opened(workspace) as ws:
        chat = [row_of(recipe) for recipe in ws.recipes()]
        embedding = sorted(set(embedding_models(ws).values()))
    if as_json:
        say_json({"chat": chat, "embedding": [{"name": name} for name in embedding]})
        return
    shown = [
        [r["name"], r["engine"], (r["adapter"] or "")[:12], " > ".join([*r["gather"], *r["control"]])] for r in chat
    ]
    table(["model", "engine", "adapter", "stages"], [*shown, *([name, "", "", "embeddings"] for name in embedding)])


def row_of(recipe: Recipe) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "engine": recipe.engine,
        "adapter": recipe.adapter,
        "gather": [stage.use for stage in recipe.gather],
        "control": [stage.use for stage in recipe.control],
        "sampling": dict(recipe.sampling),
        "digest": recipe.digest,
    }
