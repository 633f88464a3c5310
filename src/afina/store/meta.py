"""Facts of the workspace itself: its id, the key that signs its certificates, the afina.toml it last accepted."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from afina.store.db import Store

KEY_BYTES = 32


def read(store: Store, name: str) -> str | None:
    with store.reading() as db:
        row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row["value"])


def write(store: Store, name: str, value: str) -> None:
    with store.writing() as db:
        db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))


def once(store: Store, name: str, value: str) -> str:
    """The stored value; `value` if there was none, which is stored. The first of several processes decides."""
    there = read(store, name)
    if there is not None:
        return there
    with store.writing() as db:
        db.execute("INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)", (name, value))
    return read(store, name) or value


def workspace_id(store: Store) -> str:
    """Names this workspace, also after it moved: 'ws-' and 16 hex digits."""
    return once(store, "workspace_id", f"ws-{secrets.token_hex(8)}")


def signing_key(store: Store) -> bytes:
    """32 random bytes, made once; whoever can read the workspace can sign, so a signature proves integrity only."""
    return base64.b64decode(once(store, "signing_key", base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()))


@dataclass(frozen=True, slots=True)
class AcceptedConfig:
    """An afina.toml as it was when a person's edit was taken for what it is. mtime_ns: of the file, then."""

    text: str
    mtime_ns: int


def config_now(file: Path) -> AcceptedConfig:
    return AcceptedConfig(file.read_bytes().decode(), file.stat().st_mtime_ns)


def accepted_config(store: Store) -> AcceptedConfig | None:
    said = read(store, "accepted_config")
    return None if said is None else AcceptedConfig(**json.loads(said))


def accept_config(store: Store, config: AcceptedConfig) -> None:
    write(store, "accepted_config", json.dumps(asdict(config), ensure_ascii=False))
