"""Look over the workspace: every byte of every kind of file, versions, and which engine serves what.

Exit codes: 0 sound; 1 a file is damaged, a setting is wrong, or a version is too old; 2 no workspace.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from afina.actions.doctor import Diagnosis, accept, examine
from afina.cli._screen import say, say_json, table, telling
from afina.cli._workspace import WorkspaceOption, nearest_workspace


def run(
    workspace: WorkspaceOption = None,
    accepted: Annotated[
        bool, typer.Option("--accept", help="First take afina.toml as it is now for what you meant.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Look over the workspace: every byte of every kind of file, versions, and which engine serves what.

    Exits 1 if a file is damaged, a setting is wrong, or a version is too old; each is named.
    """
    root = workspace if workspace is not None else nearest_workspace(Path.cwd())
    if accepted:
        accept(root, environ=os.environ)
    with telling() as tell:
        found = examine(root, environ=os.environ, tell=tell)
    if as_json:
        say_json({"sound": found.sound, **vars_of(found)})
    else:
        show(found)
    raise typer.Exit(0 if found.sound else 1)


def vars_of(found: Diagnosis) -> dict[str, object]:
    return {
        "problems": found.problems,
        "notes": found.notes,
        "checked": found.checked,
        "served": found.served,
        "versions": [{"name": v.name, "found": v.found, "floor": v.floor, "holds": v.holds} for v in found.versions],
    }


def show(found: Diagnosis) -> None:
    table(
        ["package", "installed", "at least", ""],
        [[v.name, v.found or "not installed", v.floor, "" if v.holds else "TOO OLD"] for v in found.versions],
    )
    say()
    table(
        ["model", "engine", "base", "adapter", "certificate"],
        [[s.model, f"{s.engine} ({s.use})", s.base[:12], (s.adapter or "")[:12], s.certificate] for s in found.served],
    )
    say()
    say("Checked: " + ", ".join(f"{count} {kind}" for kind, count in found.checked.items()))
    for note in found.notes:
        say(f"Note: {note}")
    for problem in found.problems:
        say(f"DAMAGED OR WRONG: {problem}")
    say("Sound." if found.sound else "Not sound.")
