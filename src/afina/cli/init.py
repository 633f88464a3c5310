"""Make a workspace in a folder: afina.toml, afina.db, artefacts/. Nothing that exists is overwritten."""

from pathlib import Path
from typing import Annotated

import typer

from afina.actions.initialise import initialise
from afina.cli._screen import say, say_json
from afina.config import FILE


def run(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made if it does not exist.")],
    name: Annotated[str, typer.Option("--name", help="What to call it; the folder's name without this.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a workspace in a folder: afina.toml, afina.db, artefacts/. Nothing that exists is overwritten."""
    there = (folder / FILE).exists()
    made = initialise(folder, name=name)
    if json:
        say_json({"workspace": str(made), "made": not there})
        return
    say(f"{made} is a workspace{' already; what was missing was added' if there else ''}.")
    say(f"Next: afina add PATH -w {made}   then: afina ask -m documents -w {made} QUESTION")
