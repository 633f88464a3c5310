"""Which workspace a verb works on: the one named, else AFINA_WORKSPACE, else the nearest folder upwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from afina.errors import ConfigError
from afina.workspace import Workspace, open_workspace

CONFIG = "afina.toml"

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        envvar="AFINA_WORKSPACE",
        metavar="DIR",
        help="The workspace; without it, the nearest folder upwards that has an afina.toml.",
    ),
]


@contextmanager
def opened(workspace: Path | None) -> Iterator[Workspace]:
    """The workspace of a verb, closed afterwards.

    Raises:
        ConfigError: the folder is not a workspace, or none was named and there is none upwards from here.
    """
    ws = open_workspace(workspace if workspace is not None else nearest_workspace(Path.cwd()))
    try:
        yield ws
    finally:
        ws.close()


def nearest_workspace(start: Path) -> Path:
    """The first of `start` and the folders above it that has an afina.toml."""
    for folder in (start, *start.parents):
        if (folder / CONFIG).is_file():
            return folder
    raise ConfigError(
        f"{start} is not in a workspace (no {CONFIG} here or above); make one with: afina init DIR, "
        "or name one with --workspace"
    )
