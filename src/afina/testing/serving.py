"""A workspace's server in a thread, on a real socket, and the official client for it."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import openai
from fastapi import FastAPI

from afina.api.app import MAX_RUNS, create_app
from afina.api.auth import Access
from afina.api.server import bound, server_of, url_of
from afina.workspace import Workspace

TOKEN = "the-servers-own-token"


@dataclass
class Serving:
    """A server that takes requests. url: without /v1."""

    url: str
    app: FastAPI
    ws: Workspace
    access: Access
    _open: ExitStack = field(default_factory=ExitStack)

    def client(self, *, retries: int = 0, key: str | None = None) -> openai.OpenAI:
        """An official client; closed with the server."""
        made = openai.OpenAI(
            base_url=f"{self.url}/v1", api_key=key or self.access.key or "none", max_retries=retries, timeout=30
        )
        return self._open.enter_context(made)


@contextmanager
def serving(ws: Workspace, *, access: Access | None = None, max_runs: int = MAX_RUNS) -> Iterator[Serving]:
    """Serve a workspace while the block runs."""
    started, allowed = threading.Event(), access or Access(TOKEN)
    app = create_app(ws, allowed, max_runs=max_runs)
    server = server_of(app, announce=started.set)
    with bound("127.0.0.1", 0) as listening, ExitStack() as clients:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        assert started.wait(10), "the server did not start"
        try:
            yield Serving(url_of("127.0.0.1", listening.getsockname()[1]), app, ws, allowed, clients)
        finally:
            clients.close()
            server.should_exit = True
            thread.join(10)
