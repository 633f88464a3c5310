"""server.json: where a workspace's server listens, so that other processes ask it instead of opening engines."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2

FILE = "server.json"
ANSWERS_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class RunningServer:
    """url: without a path. token: opens the private routes; the file is readable by its owner only."""

    url: str
    pid: int
    token: str


def running(root: Path) -> RunningServer | None:
    """The server that answers as server.json says; None if there is none, or only a file left by one that died."""
    server = said(root)
    return server if server is not None and answers(server) else None


def elsewhere(root: Path) -> RunningServer | None:
    """The same, but None where the server is this very process (which may not be answering yet)."""
    server = said(root)
    return server if server is not None and server.pid != os.getpid() and answers(server) else None


def said(root: Path) -> RunningServer | None:
    """What server.json says; None if there is none, or none that makes sense."""
    try:
        read = json.loads((root / FILE).read_bytes())
        return RunningServer(str(read["url"]), int(read["pid"]), str(read["token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def answers(server: RunningServer) -> bool:
    """Whether that very process answers, to that very token. One that is only slow counts as there."""
    bearer = {"authorization": f"Bearer {server.token}"}
    try:
        reply = httpx2.get(f"{server.url}/health", headers=bearer, timeout=ANSWERS_WITHIN_S, trust_env=False)
        return bool(reply.status_code == 200 and reply.json().get("pid") == server.pid)
    except httpx2.TimeoutException:
        return True
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, AttributeError):
        return False


def problem(root: Path) -> str | None:
    """What is wrong with server.json, as 'file: what'; None if it is not there, or true to the last byte."""
    if not (root / FILE).exists():
        return None
    server = said(root)
    if server is None or not answers(server):
        return f"{FILE}: no server answers as it says: damaged, or left by one that was killed; remove it"
    if (root / FILE).read_text() != json.dumps(asdict(server)) or not _opens(server):
        return f"{FILE}: it is not as its server wrote it; stop the server and start it again"
    return None


def _opens(server: RunningServer) -> bool:
    """Whether the token opens a private route (which answers anything but 'who are you')."""
    bearer = {"authorization": f"Bearer {server.token}"}
    try:
        private = f"{server.url}/v1/afina/engine/card"
        return httpx2.get(private, headers=bearer, timeout=ANSWERS_WITHIN_S, trust_env=False).status_code != 401
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError):
        return False
