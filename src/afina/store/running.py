"""server.json: where a workspace's server listens, so that other processes ask it instead of opening engines."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from afina.domain.document import digest
from afina.store.durable import remove_durably, write_durably

FILE = "server.json"


@dataclass(frozen=True, slots=True)
class RunningServer:
    """url: without a path. token: opens the private routes; the file is readable by its owner only."""

    url: str
    pid: int
    token: str


def announce(root: Path, server: RunningServer) -> None:
    """Say that a server runs; it carries its own checksum, so that a damaged file is not believed."""
    said = asdict(server)
    text = json.dumps({**said, "check": _check(said)}, indent=1)
    old_mask = os.umask(0o077)
    try:
        write_durably(root / FILE, text.encode())
    finally:
        os.umask(old_mask)


def withdraw(root: Path, pid: int) -> None:
    """The server of this process has ended; another's file is left alone."""
    server = running(root)
    if server is not None and server.pid == pid:
        remove_durably(root / FILE)


def running(root: Path) -> RunningServer | None:
    """The server whose process lives; None if there is none, or only a file left by one that died."""
    path = root / FILE
    if not path.exists() or problem(root):
        return None
    said = json.loads(path.read_bytes())
    server = RunningServer(said["url"], said["pid"], said["token"])
    return server if _lives(server.pid) else None


def problem(root: Path) -> str | None:
    """What is wrong with the file, as 'file: what'; None if it is sound or absent."""
    path = root / FILE
    if not path.exists():
        return None
    try:
        said: Any = json.loads(path.read_bytes())
        check = said.pop("check")
        sound = path.read_text() == json.dumps({**said, "check": check}, indent=1) and check == _check(said)
    except (ValueError, KeyError, AttributeError):
        sound = False
    return None if sound else f"{FILE}: its own checksum does not fit"


def _check(said: dict[str, Any]) -> str:
    return digest(json.dumps(said, sort_keys=True))[:16]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, and belongs to someone else
        return True
    return True
