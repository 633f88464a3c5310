"""Serve the workspace to OpenAI clients, until Ctrl-C."""

import signal
from types import FrameType
from typing import Annotated, NoReturn

import typer

from afina.api.server import serve
from afina.cli._screen import say, telling
from afina.cli._workspace import WorkspaceOption, opened


def run(
    workspace: WorkspaceOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; others' only with a key.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 is any free one.")] = None,
    key: Annotated[
        str | None, typer.Option("--key", envvar="AFINA_API_KEY", help="Key that clients must send.")
    ] = None,
) -> None:
    """Serve the workspace to OpenAI clients, until Ctrl-C.

    The address is printed last, once requests are taken; it is the base_url of a client, without a key on this
    machine. Give the key in the environment: a command line can be read by others.
    """
    signal.signal(signal.SIGTERM, leave)
    with opened(workspace) as ws:
        serve(
            ws,
            host=host or ws.config.serve.host,
            port=ws.config.serve.port if port is None else port,
            key=key or None,
            opening=telling,
            announce=lambda url: say(f"{url}/v1"),
        )


def leave(number: int, frame: FrameType | None) -> NoReturn:
    """Ending by SIGTERM is an ordinary end: what was opened is closed."""
    raise SystemExit(0)
