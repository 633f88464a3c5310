"""One SQLite file: WAL, full sync, foreign keys, short immediate transactions from several processes."""

import hashlib
import importlib.resources
import sqlite3 as stdlib_sqlite
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from afina.errors import StoreError
from afina.store.seal import break_seal, seal_of, wal_of, write_seal

try:
    from pysqlite3 import dbapi2 as sqlite
except ImportError:  # no wheel for this platform: the standard library's, if new enough
    sqlite = stdlib_sqlite

__all__ = ["SAFE_SQLITE", "Store", "migrate", "migrations", "open_store", "row_check", "sqlite"]

SAFE_SQLITE = (3, 51, 3)
"""Older libraries can corrupt a WAL file when two connections write and checkpoint at once."""


class Store:
    """Connections to afina.db, one a thread; cheap to make, safe to share between threads."""

    def __init__(self, path: Path) -> None:
        if sqlite.sqlite_version_info < SAFE_SQLITE:
            found = ".".join(map(str, sqlite.sqlite_version_info))
            raise StoreError(f"SQLite {found} can corrupt databases shared by processes; install pysqlite3 (>= 3.51.3)")
        self.path = path
        self._local = threading.local()
        self._all: list[Any] = []
        self._lock = threading.Lock()

    def _connection(self) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _connect(self.path)
            with self._lock:
                self._all.append(connection)
        return connection

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """A connection that sees one moment of the database. Rows are mappings."""
        connection = self._connection()
        if connection.in_transaction:
            yield connection
            return
        with _store_errors():
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """An immediate transaction: committed and synced on leaving, rolled back on an exception. Keep it short."""
        connection = self._connection()
        if connection.in_transaction:
            yield connection
            return
        with _store_errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                break_seal(self.path)
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file and empty it: deleted bytes are gone after this."""
        with _store_errors():
            self._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self, *, seal: bool = True) -> None:
        """Seal the file if nobody else uses it (see seal.py), and close every connection."""
        with self._lock:
            if self._all and seal:
                _seal(self.path, self._all[0])
            for connection in self._all:
                connection.close()
            self._all.clear()
        self._local = threading.local()


def open_store(path: Path) -> Store:
    """Open (and create or migrate) a database; must be closed."""
    store = Store(path)
    migrate(store)
    return store


def migrate(store: Store) -> None:
    """Apply the numbered files of migrations/ that this database has not seen, each in one transaction.

    Raises:
        StoreError: the database was written by a newer Afina.
    """
    scripts = migrations()
    with store.reading() as db:
        if db.execute("PRAGMA user_version").fetchone()[0] == len(scripts):
            return  # a write lock would break the seal for nothing
    with store.writing() as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(scripts):
            raise StoreError(f"{store.path} has version {version}, this Afina knows {len(scripts)}; upgrade Afina")
        for number, script in enumerate(scripts[version:], start=version + 1):
            for statement in script.split(";\n"):
                if statement.strip():
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {number}")


def migrations() -> list[str]:
    """The scripts in order; a database's user_version says how many it has seen."""
    folder = importlib.resources.files("afina.store") / "migrations"
    scripts = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [script.read_text() for script in scripts]


def row_check(*values: str | bytes | int | float | None) -> int:
    """The value of every table's generated column `row_check`: 64 bits of BLAKE2b over the row's other columns.

    SQLite returns flipped bytes without complaint; `afina doctor` compares this with what is stored.
    """
    h = hashlib.blake2b(digest_size=8)
    for value in values:
        data = value if isinstance(value, bytes) else str(value).encode()
        h.update(f"{type(value).__name__}{len(data)}:".encode())
        h.update(data)
    return int.from_bytes(h.digest(), "big", signed=True)


def _seal(path: Path, connection: Any) -> None:
    """Fold the log in and seal, if nothing else reads or writes just now; otherwise leave the seal broken."""
    if connection.in_transaction or not path.exists() or seal_of(path).exists():
        return
    with suppress(sqlite.OperationalError, OSError):  # busy: another process is at work, and closes after this one
        connection.execute("PRAGMA busy_timeout=0")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("BEGIN IMMEDIATE")
        if not wal_of(path).exists() or not wal_of(path).stat().st_size:
            write_seal(path)
        connection.execute("ROLLBACK")


def _connect(path: Path) -> Any:
    with _store_errors():
        connection = sqlite.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite.Row
        connection.create_function("afina_check", -1, row_check, deterministic=True)
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            "busy_timeout=30000",
        ):
            connection.execute(f"PRAGMA {pragma}")
    return connection


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except (sqlite.OperationalError, sqlite.DatabaseError) as error:
        raise StoreError(f"the database failed: {error}") from error
