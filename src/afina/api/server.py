"""A workspace's server in the foreground: a bound socket, the published address, a clean end."""

import errno
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import uvicorn
from fastapi import FastAPI

from afina.actions.load import load_all
from afina.api.app import create_app
from afina.api.auth import LOCAL_NAMES, Access, is_loopback
from afina.api.published import published
from afina.domain.progress import Tell, silent
from afina.errors import ConfigError, Conflict
from afina.store.running import RunningServer
from afina.workspace import Workspace

GRACE_S = 5
"""How long answers that are being sent may go on after the server is told to stop."""

BACKLOG = 2048

TAKEN = (errno.EADDRINUSE, errno.EACCES)


@contextmanager
def quiet() -> Iterator[Tell]:
    yield silent


def serve(
    ws: Workspace,
    *,
    host: str,
    port: int,
    key: str | None = None,
    announce: Callable[[str], None] = print,
    opening: Callable[[], AbstractContextManager[Tell]] = quiet,
) -> None:
    """Serve a workspace until interrupted; `announce` gets the address once requests are taken.

    host, port: port 0 is any free one. key: the bearer that clients must send.
    opening: where opening the model tells its progress; left before the address is out.

    Raises:
        ConfigError: an address that others can reach, and no key.
        Conflict: the port is taken, or another server runs on this workspace.
    """
    if key is None and not is_loopback(host):
        raise ConfigError(f"{host} can be reached by others: set AFINA_API_KEY, or serve on 127.0.0.1")
    with bound(host, port) as listening:
        url = url_of(host, listening.getsockname()[1])
        token = secrets.token_urlsafe(32)
        access = Access(token, key, LOCAL_NAMES if is_loopback(host) else None)
        with published(ws.root, RunningServer(url, os.getpid(), token)):
            with opening() as tell:
                load_all(ws, tell=tell)  # a broken model must not serve, and no client should wait for it
            server_of(create_app(ws, access), announce=lambda: announce(url)).run(sockets=[listening])


class Server(uvicorn.Server):
    """Says when it takes requests."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


def server_of(app: FastAPI, *, announce: Callable[[], None]) -> Server:
    """A server that is not started yet."""
    config = uvicorn.Config(
        app, log_level="warning", lifespan="on", server_header=False, timeout_graceful_shutdown=GRACE_S
    )
    return Server(config, announce)


def bound(host: str, port: int) -> socket.socket:
    """A listening socket; must be closed.

    Raises:
        Conflict: the port is taken. ConfigError: no such address here.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sends at once only over such
    try:
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
        return listening
    except OSError as error:
        listening.close()
        if error.errno in TAKEN:
            raise Conflict(f"port {port} of {host} is taken; take another with --port, or any with --port 0") from error
        raise ConfigError(f"cannot listen on {host}, port {port}: {error.strerror}") from error


def url_of(host: str, port: int) -> str:
    """Where clients of this machine find a server that listens on `host`."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
