"""Let what answered under a name before its last promotion answer again."""

from dataclasses import asdict
from typing import Annotated

import typer

from afina.actions.promote import roll_back
from afina.cli._screen import say, say_json
from afina.cli._workspace import WorkspaceOption, opened


def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model name that was promoted.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Let what answered under a name before its last promotion answer again, at once."""
    with opened(workspace) as ws:
        moved = roll_back(ws, name)
    if as_json:
        say_json(asdict(moved))
        return
    say(f'"{name}" is {moved.recipe} again; before: {moved.before}')
