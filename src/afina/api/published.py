"""Announcing a server on its workspace: <workspace>/server.json, readable by its owner only; see store/running.py."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from afina.errors import Conflict
from afina.store.running import FILE, RunningServer, running, said


@contextmanager
def published(root: Path, server: RunningServer) -> Iterator[None]:
    """Announce a server while the block runs.

    Raises:
        Conflict: another one runs on this workspace; names its address.
    """
    refuse_second(root)
    _write_new(root / FILE, server)
    try:
        yield
    finally:
        if said(root) == server:
            (root / FILE).unlink(missing_ok=True)


def refuse_second(root: Path) -> None:
    """Raise Conflict if a server runs on the workspace; take away the file of one that was killed."""
    other = running(root)
    if other is not None:
        raise Conflict(f"a server runs on {root} already: {other.url} (process {other.pid}); stop it first")
    (root / FILE).unlink(missing_ok=True)


def _write_new(path: Path, server: RunningServer) -> None:
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
