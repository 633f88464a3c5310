"""One SQLite file: WAL, full sync, foreign keys, short immediate transactions from several processes."""

import importlib.resources
import sqlite3 as stdlib_sqlite
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from afina.errors import StoreError

try:
    from pysqlite3 import dbapi2 as sqlite
except ImportError:  # no wheel for this platform: the standard library's, if new enough
    sqlite = stdlib_sqlite

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
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file and empty it: deleted bytes are gone after this."""
        with _store_errors():
            self._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        with self._lock:
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
    folder = importlib.resources.files("afina.store") / "migrations"
    scripts = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    with store.writing() as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(scripts):
            raise StoreError(f"{store.path} has version {version}, this Afina knows {len(scripts)}; upgrade Afina")
        for number, script in enumerate(scripts[version:], start=version + 1):
            for statement in script.read_text().split(";\n"):
                if statement.strip():
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {number}")


def _connect(path: Path) -> Any:
    with _store_errors():
        connection = sqlite.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite.Row
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
