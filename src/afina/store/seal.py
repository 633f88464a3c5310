"""A seal over every byte of afina.db between two uses, free pages and header included.

The last writer to close folds the write-ahead log in and writes the seal; the first write breaks (removes) it. So a
seal that is there must fit exactly. While it is broken (in use, or not closed cleanly), the row checks and
PRAGMA integrity_check still cover what is stored, though not free space.
"""

import hashlib
import json
from pathlib import Path

from afina.store.durable import remove_durably, write_durably

BLOCK_BYTES = 1 << 22


def seal_of(database: Path) -> Path:
    return database.with_name(database.name + ".seal")


def wal_of(database: Path) -> Path:
    return database.with_name(database.name + "-wal")


def write_seal(database: Path) -> None:
    """Only under the database's write lock, with an empty write-ahead log."""
    body = json.dumps({"size": database.stat().st_size, "block": BLOCK_BYTES, "sha256": _blocks(database)})
    write_durably(seal_of(database), _signed(body))


def break_seal(database: Path) -> None:
    remove_durably(seal_of(database))


def seal_problems(database: Path) -> list[str] | None:
    """What does not fit the seal, as 'file: what'; None if there is no seal or the log holds newer writes."""
    seal = seal_of(database)
    if not seal.exists() or _size(wal_of(database)):
        return None
    written = seal.read_bytes()
    body = written.partition(b"\n")[0].decode(errors="replace")
    if written != _signed(body):
        return [f"{seal.name}: its own checksum does not fit"]
    said = json.loads(body)
    blocks = _blocks(database)
    if not seal.exists():  # someone began to write while this was reading
        return None
    if said["size"] != database.stat().st_size:
        return [f"{database.name}: {database.stat().st_size} bytes, was closed with {said['size']}"]
    return [
        f"{database.name}: changed since it was closed, between bytes {i * BLOCK_BYTES} and {(i + 1) * BLOCK_BYTES}"
        for i, (now, then) in enumerate(zip(blocks, said["sha256"], strict=True))
        if now != then
    ]


def _signed(body: str) -> bytes:
    return f"{body}\n{hashlib.sha256(body.encode()).hexdigest()}\n".encode()


def _blocks(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [hashlib.sha256(block).hexdigest() for block in iter(lambda: file.read(BLOCK_BYTES), b"")]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
