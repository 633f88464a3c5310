"""Everything that can be told about afina.db without trusting it: seal, log, structure, schema, every row.

SQLite returns flipped bytes without complaint, so each byte is covered by one of: the seal (a database that is closed:
every byte), the log's own checksums, `row_check` (what is stored), PRAGMA integrity_check (the trees around it), the
schema of a new database (tables and indexes). What only the seal covers: free space and counters nobody reads.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from afina.errors import StoreError
from afina.store.db import Store, migrate, migrations, sqlite
from afina.store.seal import seal_of, seal_problems, wal_of
from afina.store.wal import wal_problems

RETRIES, PAUSE_S = 5, 0.2
"""A log that is being written to may look damaged for a moment."""


def database_problems(path: Path) -> list[str]:
    """What is wrong with a database, as 'file: what'; it is not changed, migrated or created.

    Sound and unsealed, it is sealed on the way out if nobody else uses it.
    """
    if not path.exists():
        return [f"{path.name}: missing"]
    sealed = seal_problems(path)
    logged = _log_problems(path)
    if logged:  # opening it would fold in what is sound and forget the rest
        return [
            *(sealed or []),
            *logged,
            f"{path.name}: not opened, so that nothing more is lost; copy the folder first",
        ]
    store = Store(path)
    found = sealed or []
    try:
        found = [*found, *_inside(store)]
    except StoreError as error:
        found = [*found, f"{path.name}: {error}"]
    store.close(seal=not found)
    return found


def is_sealed(path: Path) -> bool:
    return seal_of(path).exists()


def _log_problems(path: Path) -> list[str]:
    for _ in range(RETRIES):
        found = wal_problems(wal_of(path))
        if not found:
            return []
        time.sleep(PAUSE_S)
    return found


def _inside(store: Store) -> list[str]:
    name = store.path.name
    found = []
    with store.reading() as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(migrations()):
            return [f"{name}: version {version}, this Afina knows {len(migrations())}; upgrade Afina"]
        if version == 0:
            return [f"{name}: it holds no tables; it was emptied, or never filled"]
        broken = [row[0] for row in db.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]
        found += [f"{name}: {' '.join(str(line).split())}" for line in broken]
        loose = db.execute("PRAGMA foreign_key_check").fetchall()
        found += [f"{name}: a row of {row[0]} belongs to a row of {row[2]} that is not there" for row in loose[:5]]
        if version == len(migrations()) and _schema(db) != _schema_of_new():
            found.append(f"{name}: its tables are not those of version {version}")
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        for table in tables:
            found += [f"{name}: {what}" for what in _row_problems(db, table)]
    return found


def _row_problems(db: Any, table: str) -> Iterator[str]:
    columns = {row["name"]: row["hidden"] for row in db.execute(f'PRAGMA table_xinfo("{table}")')}
    if "row_check" not in columns:
        return
    plain = ", ".join(f'"{name}"' for name, hidden in columns.items() if not hidden)
    key = [row["name"] for row in db.execute(f'PRAGMA table_info("{table}")') if row["pk"]]
    shown = " || ' ' || ".join(f'"{name}"' for name in key)
    query = f'SELECT {shown} AS shown FROM "{table}" WHERE row_check IS NOT afina_check({plain}) LIMIT 5'
    try:
        for row in db.execute(query):
            yield f"a row of {table} is not what was stored: {row['shown']}"
    except (UnicodeDecodeError, sqlite.OperationalError, sqlite.DatabaseError) as error:
        yield f"rows of {table} cannot be read: {error}"


def _schema(db: Any) -> list[tuple[str, ...]]:
    return [tuple(row) for row in db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")]


def _schema_of_new() -> list[tuple[str, ...]]:
    store = Store(Path(":memory:"))
    migrate(store)
    with store.reading() as db:
        schema = _schema(db)
    store.close()
    return schema
