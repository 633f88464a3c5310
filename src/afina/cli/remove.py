"""Remove a document and everything made from it.

It is gone from the next search, and from every byte of the workspace.
"""

from typing import Annotated

import typer

from afina.actions.ingest import remove
from afina.cli._screen import say, say_json
from afina.cli._workspace import WorkspaceOption, opened


def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The document's name, as search shows it.")],
    collection: Annotated[str, typer.Option("--collection", "-c", help="Where it is.")] = "docs",
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    with opened(workspace) as ws:
        removed = remove(ws, name, collection=collection)
    if as_json:
        say_json(removed)
        return
    say(f"removed {removed.name}: {removed.passages} passages")
    if not removed.erased:
        say("another process still reads the state before; its last bytes go when that process is done")
