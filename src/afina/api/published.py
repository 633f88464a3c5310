"""Which server runs on a workspace: <workspace>/server.json, readable by its owner only.

{"url": "http://127.0.0.1:8000", "pid": 1234, "token": "..."}; the token opens the server's private routes.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2

from afina.errors import Conflict

FILE = "server.json"
ANSWERS_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Published:
    """A server's address, process and token."""

    url: str
    pid: int
    token: str


@contextmanager
def published(root: Path, server: Published) -> Iterator[None]:
    """Announce a server while the block runs.

    Raises:
        Conflict: another one runs on this workspace; names its address.
    """
    refuse_second(root)
    _write_new(root / FILE, server)
    try:
        yield
    finally:
        if read(root) == server:
            (root / FILE).unlink(missing_ok=True)


def refuse_second(root: Path) -> None:
    """Raise Conflict if a server runs on the workspace; take away the file of one that was killed."""
    other = read(root)
    if other is not None and is_alive(other):
        raise Conflict(f"a server runs on {root} already: {other.url} (process {other.pid}); stop it first")
    (root / FILE).unlink(missing_ok=True)


def read(root: Path) -> Published | None:
    """What server.json says; None if there is none, or none that makes sense."""
    try:
        said = json.loads((root / FILE).read_text())
        return Published(str(said["url"]), int(said["pid"]), str(said["token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_alive(server: Published) -> bool:
    """Whether that very server still answers. One that is only slow counts as alive."""
    try:
        reply = httpx2.get(
            f"{server.url}/health",
            headers={"authorization": f"Bearer {server.token}"},
            timeout=ANSWERS_WITHIN_S,
            trust_env=False,
        )
        return bool(reply.status_code == 200 and reply.json().get("pid") == server.pid)
    except httpx2.TimeoutException:
        return True
    except (httpx2.HTTPError, ValueError, AttributeError):
        return False


def _write_new(path: Path, server: Published) -> None:
    """Write under a temporary name and link it into place: whole or not at all, and never over another's."""
    handle, temporary = tempfile.mkstemp(prefix=".server-", dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(server), file)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError as taken:
        raise Conflict(f"another server has just started on {path.parent}") from taken
    finally:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()
