"""A process beside a running server: its engines are the server's, its writes are its own, doctor knows the server."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from afina.actions.answered import answered
from afina.actions.doctor import examine
from afina.actions.initialise import initialise
from afina.store import runs
from afina.store.running import FILE, running
from afina.workspace import open_workspace

SERVES = """
import sys
from pathlib import Path
from afina.api.server import serve
from afina.testing.echo import EchoEngine
from afina.workspace import open_workspace
ws = open_workspace(Path(sys.argv[1]), environ={}, engines={"local": EchoEngine("from the server")})
serve(ws, host="127.0.0.1", port=0, announce=lambda url: print(url, flush=True))
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = initialise(tmp_path_factory.mktemp("served") / "ws")
    (made / "afina.toml").write_text("")
    open_workspace(made, environ={}).close()
    server = subprocess.Popen([sys.executable, "-c", SERVES, made], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert server.stdout.readline().startswith("http://127.0.0.1:")
    yield made
    server.terminate()
    server.wait(timeout=20)


def test_engines_are_the_servers(root: Path) -> None:
    with open_workspace(root, environ={}) as ws:
        assert type(ws.engine()).__name__ == "AttachedEngine"
        assert ws.engine().card.engine == "echo"
        assert answered(ws, "hi").text == "from the server"
        assert runs.latest(ws.store, ws.scope)[0].model == "bundled-135m"


def test_the_server_file_is_believed_to_the_last_byte_only(root: Path) -> None:
    assert running(root) is not None
    assert examine(root, environ={}).problems == ()
    data = (root / FILE).read_bytes()
    try:
        for at in (0, 12, 21, data.index(b"pid") + 6, data.index(b"token") + 12, len(data) - 1):
            (root / FILE).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            found = examine(root, environ={}).problems
            assert found, f"byte {at} of {data!r}"
            assert found[0].startswith("server.json: ")
    finally:
        (root / FILE).write_bytes(data)


def test_writing_beside_the_server_loses_nothing(root: Path) -> None:
    with open_workspace(root, environ={}) as ws:
        before = len(runs.latest(ws.store, ws.scope, limit=1000))
        started = time.monotonic()
        for _ in range(5):
            answered(ws, "hi")
        assert len(runs.latest(ws.store, ws.scope, limit=1000)) == before + 5
        assert time.monotonic() - started < 10
