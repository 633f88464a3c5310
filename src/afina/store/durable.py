"""Files that survive a power loss: temporary name, sync, rename, sync of the folder; and hashes of files."""

import hashlib
import os
from pathlib import Path

BLOCK_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    """64 hex digits over the bytes of a file, read in blocks."""
    h = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            h.update(block)
    return h.hexdigest()


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make renames and removals in a folder last; a no-op where folders cannot be synced (Windows)."""
    if os.name == "posix":
        sync_file(path)


def write_durably(path: Path, data: bytes) -> None:
    """Put `data` at `path`, all of it or nothing, also across a power loss. Readers see the old file or the new."""
    scratch = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    with scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    sync_folder(path.parent)


def remove_durably(path: Path) -> None:
    """Remove a file and make that last; nothing happens if it is not there."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    sync_folder(path.parent)
