"""server.json: whole or not at all, private, taken away at the end, ignored when its server was killed."""

import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from afina.actions.initialise import initialise
from afina.api.published import published, refuse_second
from afina.api.server import bound, serve, url_of
from afina.errors import ConfigError, Conflict
from afina.store.running import FILE, RunningServer, answers, said
from afina.testing.serving import TOKEN, Serving
from afina.workspace import Workspace, open_workspace

GONE = RunningServer("http://127.0.0.1:9", os.getpid(), "t")


def test_the_file_is_there_only_while_the_server_is(tmp_path: Path) -> None:
    with published(tmp_path, GONE):
        file = tmp_path / FILE
        assert json.loads(file.read_text()) == {"url": GONE.url, "pid": GONE.pid, "token": "t"}
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert said(tmp_path) == GONE
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_a_killed_server_is_replaced(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({"url": GONE.url, "pid": 1, "token": "old"}))
    with published(tmp_path, GONE):
        assert said(tmp_path) == GONE


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": "x"}', '{"url": "x", "pid": "y", "token": "z"}'])
def test_a_file_that_makes_no_sense_is_no_server(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert said(tmp_path) is None
    refuse_second(tmp_path)


def test_a_second_server_is_refused_and_told_the_address(
    serve: Callable[..., Serving],
    tmp_path: Path,
) -> None:
    up = serve()
    first = RunningServer(up.url, os.getpid(), TOKEN)
    folder = tmp_path / "two"
    folder.mkdir()
    with published(folder, first):
        with pytest.raises(Conflict, match=up.url), published(folder, GONE):
            pass
        assert said(folder) == first
    assert not answers(RunningServer(up.url, 1, TOKEN)), "another process has taken the port"


def test_a_server_that_is_only_slow_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("afina.store.running.ANSWERS_WITHIN_S", 0.1)
    with bound("127.0.0.1", 0) as listening:
        assert answers(RunningServer(url_of("127.0.0.1", listening.getsockname()[1]), 1, "t"))


def test_two_that_start_at_once_cannot_both_publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("afina.api.published.refuse_second", lambda root: None)
    with published(tmp_path, GONE):
        with pytest.raises(Conflict), published(tmp_path, GONE):
            pass
        assert said(tmp_path) == GONE


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return open_workspace(initialise(tmp_path / "ws"), environ={})


def test_an_address_that_others_can_reach_needs_a_key(ws: Workspace) -> None:
    with pytest.raises(ConfigError, match="AFINA_API_KEY"):
        serve(ws, host="0.0.0.0", port=0)


def test_a_taken_port_is_a_conflict_and_leaves_no_file(ws: Workspace) -> None:
    with bound("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(Conflict, match=f"port {port}"):
            serve(ws, host="127.0.0.1", port=port)
    assert not (ws.root / FILE).exists()
    with pytest.raises(ConfigError):
        serve(ws, host="203.0.113.1", port=0)


def test_addresses_that_clients_can_use() -> None:
    assert url_of("0.0.0.0", 8) == "http://127.0.0.1:8"
    assert url_of("::1", 8) == "http://[::1]:8"
    assert url_of("localhost", 8) == "http://localhost:8"


def test_a_listening_socket_is_one_that_asyncio_sends_over_at_once() -> None:
    with bound("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP, "else each answer waits 40 ms for a delayed acknowledgement"
