"""The database: several processes, migrations, row checks, the seal and the write-ahead log."""

import multiprocessing
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from afina.errors import StoreError
from afina.store.db import Store, migrate, open_store, sqlite
from afina.store.seal import seal_of, seal_problems, wal_of
from afina.store.wal import wal_problems

KILLED_AFTER_COMMITS = """
import os, sys
from pathlib import Path
from afina.store.db import open_store
store = open_store(Path(sys.argv[1]))
for i in range(6):
    with store.writing() as db:
        db.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (f"n{i}", "x" * 100))
os._exit(9)
"""


def write_many(path: str, who: int, rows: int) -> None:
    store = open_store(Path(path))
    for i in range(rows):
        with store.writing() as db:
            count = db.execute("SELECT value FROM meta WHERE name = 'count'").fetchone()
            now = int(count["value"]) + 1 if count else 1
            db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('count', ?)", (str(now),))
            db.execute("INSERT INTO meta (name, value) VALUES (?, '')", (f"{who}-{i}",))
    store.close()


def test_several_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "afina.db"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write_many, args=(str(path), who, 25)) for who in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    store = open_store(path)
    with store.reading() as db:
        assert db.execute("SELECT value FROM meta WHERE name = 'count'").fetchone()["value"] == "75"
        assert db.execute("SELECT count(*) FROM meta").fetchone()[0] == 76
    store.close()


def test_migrations_can_run_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "afina.db")
    with store.writing() as db:
        db.execute("INSERT INTO meta (name, value) VALUES ('kept', 'yes')")
    migrate(store)
    migrate(store)
    with store.reading() as db:
        assert db.execute("SELECT value FROM meta").fetchone()["value"] == "yes"
    store.close()


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path / "afina.db")
    with store.writing() as db:
        db.execute("PRAGMA user_version = 900")
    store.close()
    with pytest.raises(StoreError, match=r"version 900.*upgrade Afina"):
        open_store(tmp_path / "afina.db")


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path / "afina.db")

    def half() -> None:
        with store.writing() as db:
            db.execute("INSERT INTO meta (name, value) VALUES ('half', '')")
            raise KeyError

    with pytest.raises(KeyError):
        half()
    with store.reading() as db:
        assert db.execute("SELECT count(*) FROM meta").fetchone()[0] == 0
    store.close()


def test_every_table_checks_its_rows(tmp_path: Path) -> None:
    store = open_store(tmp_path / "afina.db")
    with store.reading() as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            columns = {row["name"]: row["hidden"] for row in db.execute(f"PRAGMA table_xinfo({table})")}
            assert columns.get("row_check") == 3, f"{table} has no stored row_check"
            sql = db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
            checked = sql.split("afina_check(")[1].split(")")[0].split(", ")
            assert checked == [c for c in columns if c != "row_check"], f"{table}.row_check leaves a column out"
    store.close()


def test_the_row_check_sees_a_changed_value(tmp_path: Path) -> None:
    store = open_store(tmp_path / "afina.db")
    with store.writing() as db:
        db.execute("INSERT INTO runs VALUES ('p', 'r', NULL, 'm', 'd', 'e', 5, '{}')")
        wrong = "SELECT count(*) FROM runs WHERE row_check IS NOT afina_check({})"
        columns = "project, id, user, model, recipe, engine, created, body"
        assert db.execute(wrong.format(columns)).fetchone()[0] == 0
        assert db.execute(wrong.format(columns.replace("model", "'n'"))).fetchone()[0] == 1
    store.close()


def test_a_closed_database_is_sealed_and_a_write_breaks_the_seal(tmp_path: Path) -> None:
    path = tmp_path / "afina.db"
    store = open_store(path)
    assert seal_problems(path) is None
    store.close()
    assert seal_problems(path) == []
    store = open_store(path)
    with store.reading() as db:
        db.execute("SELECT * FROM meta").fetchall()
    assert seal_of(path).exists(), "reading must not break the seal"
    with store.writing() as db:
        db.execute("INSERT INTO meta (name, value) VALUES ('a', 'b')")
    assert not seal_of(path).exists()
    store.close()
    assert seal_problems(path) == []


def test_a_store_that_another_still_uses_is_not_sealed_wrongly(tmp_path: Path) -> None:
    path = tmp_path / "afina.db"
    one, two = open_store(path), open_store(path)
    with two.writing() as db:
        db.execute("INSERT INTO meta (name, value) VALUES ('a', 'b')")
        one.close()
    two.close()
    assert seal_problems(path) == []


@pytest.mark.parametrize("name", ["afina.db", "afina.db.seal"])
def test_any_flipped_byte_of_a_closed_database_shows(tmp_path: Path, name: str) -> None:
    path = tmp_path / "afina.db"
    open_store(path).close()
    file = tmp_path / name
    data = file.read_bytes()
    rng = random.Random(7)
    for at in (0, 24, 63, 96, len(data) - 1, *(rng.randrange(len(data)) for _ in range(40))):
        file.write_bytes(data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :])
        problems = seal_problems(path)
        assert problems, f"byte {at} of {name}"
        assert problems[0].startswith(f"{name}: ")
    file.write_bytes(data)
    assert seal_problems(path) == []


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a killed process leaves it: committed transactions still in the log."""
    folder = tmp_path_factory.mktemp("crashed")
    done = subprocess.run([sys.executable, "-c", KILLED_AFTER_COMMITS, folder / "afina.db"], check=False)
    assert done.returncode == 9
    return folder


def test_a_log_left_by_a_crash_is_sound_and_keeps_everything(crashed: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(crashed, tmp_path / "copy")
    assert wal_of(folder / "afina.db").stat().st_size > 0
    assert wal_problems(wal_of(folder / "afina.db")) == []
    store = open_store(folder / "afina.db")
    with store.reading() as db:
        assert db.execute("SELECT count(*) FROM meta").fetchone()[0] == 6
    store.close()


def test_any_flipped_byte_of_the_log_shows(crashed: Path, tmp_path: Path) -> None:
    data = wal_of(crashed / "afina.db").read_bytes()
    log = tmp_path / "afina.db-wal"
    rng = random.Random(3)
    last = len(data) - 4096 - 24
    for at in (
        0,
        5,
        17,
        25,
        40,
        *range(last, last + 24),
        len(data) - 1,
        *(rng.randrange(len(data)) for _ in range(12)),
    ):
        log.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        assert wal_problems(log), f"byte {at} of {len(data)}"


def test_an_old_library_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "sqlite_version_info", (3, 40, 1))
    with pytest.raises(StoreError, match=r"3\.40\.1"):
        Store(tmp_path / "afina.db")
