"""Add documents: a file, a folder, or - for standard input.

Text, Markdown, HTML, PDF, CSV, JSON Lines, DOCX. A file that is there already is left alone; a changed one is
replaced. Documents are called by their path inside the folder: another one of the same name replaces it.
A file that cannot be read costs one line, with its reason and page.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from afina.actions.ingest import Ingested, add, add_bytes
from afina.cli._screen import duration, say, say_json, telling
from afina.cli._workspace import WorkspaceOption, opened

STDIN = "-"


def run(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A file, a folder, or - for standard input.")],
    *,
    collection: Annotated[str, typer.Option("--collection", "-c", help="Where to put them.")] = "docs",
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore", metavar="PATTERN", help="Leave out what matches, as in .afinaignore; may be repeated."
        ),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="What to call standard input; its suffix is its format.")
    ] = "stdin.txt",
    prefix: Annotated[
        str, typer.Option("--prefix", help="Goes before the names, so that those of two folders differ.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    with opened(workspace) as ws, telling() as tell:
        if path == STDIN:
            result = add_bytes(ws, sys.stdin.buffer.read(), name, collection=collection, tell=tell)
        else:
            result = add(ws, Path(path), collection=collection, ignore=ignore or (), prefix=prefix, tell=tell)
    show(result, as_json=as_json)
    if result.failed and not (result.added or result.replaced or result.unchanged):
        raise typer.Exit(1)


def show(result: Ingested, *, as_json: bool) -> None:
    if as_json:
        say_json(result)
        return
    say(
        f"{result.added} added, {result.replaced} replaced, {result.unchanged} unchanged, {len(result.failed)} failed: "
        f"{result.passages} new passages in {duration(result.seconds)}"
    )
    for failure in result.failed:
        where = "" if failure.page is None else f" (page {failure.page})"
        say(f"failed: {failure.name}{where}: {failure.reason}")
