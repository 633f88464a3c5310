"""Flipped bytes in afina.db: closed (every byte), in use (every byte that is read), and in its log."""

import random
import shutil
import time
from pathlib import Path

import pytest

from afina.store.checks import database_problems, is_sealed
from afina.store.db import open_store
from afina.store.seal import break_seal, wal_of

ROWS = 40


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with rows in every table, closed."""
    path = tmp_path_factory.mktemp("db") / "afina.db"
    store = open_store(path)
    p = "default"
    with store.writing() as db:
        db.execute("INSERT INTO meta (name, value) VALUES ('id', 'ws-1')")
        db.execute("INSERT INTO collections VALUES (?, 'docs', 3, '{}', 1)", (p,))
        db.execute("INSERT INTO studies VALUES (?, 's', 'study', 1, '{}')", (p,))
        for i in range(ROWS):
            text = f"El contrato número {i} dura {i} años. " * 30
            db.execute("INSERT INTO documents VALUES (?, 'docs', ?, ?, 'sha', ?, '{}', 1)", (p, f"d{i}", f"n{i}", text))
            db.execute(
                "INSERT INTO passages VALUES (?, 'docs', ?, ?, ?, 0, 9, NULL, 'Título', ?, 'sha')",
                (p, f"p{i}", f"d{i}", i, text[:200]),
            )
            vector = random.Random(i).randbytes(768)
            db.execute("INSERT INTO vectors VALUES (?, 'docs', ?, 'minilm', ?, 'sha')", (p, f"p{i}", vector))
            db.execute("INSERT INTO examples VALUES (?, 'faq', ?, ?, '[]', 'g', 1)", (p, i, f"e{i}"))
            db.execute("INSERT INTO recipes VALUES (?, ?, 'd', '{}', 1)", (p, f"r{i}"))
            db.execute("INSERT INTO artefacts VALUES (?, 'adapter', ?, 'n', '{}', '{}', 1)", (p, f"a{i}"))
            db.execute("INSERT INTO runs VALUES (?, ?, NULL, 'm', 'r', 'e', 1, '{}')", (p, f"u{i}"))
            db.execute("INSERT INTO study_rows VALUES (?, 's', 'base', ?, 'one', 0, '{}')", (p, f"c{i}"))
    store.close()
    return path


@pytest.fixture
def path(filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled.parent, tmp_path / "ws")
    return tmp_path / "ws" / "afina.db"


def flipped(data: bytes, at: int, bit: int = 0) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]


def test_a_sound_database_is_sound(path: Path) -> None:
    assert database_problems(path) == []
    assert is_sealed(path)
    break_seal(path)
    assert database_problems(path) == []
    assert is_sealed(path), "sound and unused, it is sealed again"


def test_a_missing_database_is_named_and_not_made(tmp_path: Path) -> None:
    assert database_problems(tmp_path / "afina.db") == ["afina.db: missing"]
    assert not (tmp_path / "afina.db").exists()


def test_an_emptied_and_a_cut_database_are_named(path: Path) -> None:
    data = path.read_bytes()
    for left in (b"", data[:50], data[: len(data) // 2]):
        for sealed in (True, False):
            path.write_bytes(left)
            if not sealed:
                break_seal(path)
            problems = database_problems(path)
            assert problems, f"{len(left)} bytes"
            assert problems[0].startswith("afina.db: ")


def test_every_flip_in_a_closed_database_is_seen(path: Path) -> None:
    data = path.read_bytes()
    rng = random.Random(11)
    for _ in range(25):
        at = rng.randrange(len(data))
        path.write_bytes(flipped(data, at, rng.randrange(8)))
        problems = database_problems(path)
        assert problems, f"byte {at}"
        assert problems[0].startswith("afina.db: ")


TEXTS = ["contrato número 7 ", "Título", "d13", "ws-1", "faq", "study", "minilm"]


@pytest.mark.parametrize("text", TEXTS)
def test_without_a_seal_every_stored_byte_is_still_covered(path: Path, text: str) -> None:
    break_seal(path)
    data = path.read_bytes()
    at = data.index(text.encode())
    path.write_bytes(flipped(data, at))
    problems = database_problems(path)
    assert problems, f"{text} at {at}"
    assert problems[0].startswith("afina.db: ")
    assert not is_sealed(path), "damage is not sealed in"


def test_without_a_seal_a_flip_is_seen_or_changes_nothing_that_is_read(path: Path) -> None:
    """Honest about the rest: what goes unseen lies in bytes that no query returns."""

    def contents(at: Path) -> list[list[tuple[object, ...]]]:
        store = open_store(at)
        with store.reading() as db:
            tables = [r[0] for r in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
            rows = [[tuple(r) for r in db.execute(f'SELECT * FROM "{t}" ORDER BY 1, 2, 3')] for t in tables]
        store.close(seal=False)
        return rows

    break_seal(path)
    data, before = path.read_bytes(), contents(path)
    rng = random.Random(5)
    unseen = 0
    for _ in range(60):
        at = rng.randrange(len(data))
        path.write_bytes(flipped(data, at, rng.randrange(8)))
        break_seal(path)
        if not database_problems(path):
            unseen += 1
            assert contents(path) == before, f"byte {at} changed what is read, unseen"
        for leftover in path.parent.glob("afina.db-*"):
            leftover.unlink()
    assert unseen < 60, "nothing at all was seen"


def test_tables_that_were_tampered_with_are_named(path: Path) -> None:
    store = open_store(path)
    with store.writing() as db:
        db.execute("CREATE TABLE extra (x TEXT)")
    store.close()
    assert any("its tables are not those" in problem for problem in database_problems(path))


def test_a_damaged_log_is_named_and_the_database_left_alone(path: Path, tmp_path: Path) -> None:
    store = open_store(path)
    with store.writing() as db:
        db.execute("INSERT INTO meta (name, value) VALUES ('late', 'x')")
    copy = tmp_path / "copy"
    shutil.copytree(path.parent, copy)  # as a killed process would leave it
    store.close()
    log = wal_of(copy / "afina.db")
    data = log.read_bytes()
    assert data, "the write must still be in the log"
    log.write_bytes(flipped(data, len(data) // 2))
    problems = database_problems(copy / "afina.db")
    assert problems[0].startswith("afina.db-wal: frame ")
    assert log.read_bytes() == flipped(data, len(data) // 2)
    log.write_bytes(data)
    assert database_problems(copy / "afina.db") == []


def test_a_large_database_is_checked_fast_enough(path: Path) -> None:
    store = open_store(path)
    with store.writing() as db:
        many = ((f"k{i}", "x" * 200) for i in range(20_000))
        db.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", many)
    store.close()
    began = time.monotonic()
    assert database_problems(path) == []
    assert time.monotonic() - began < 5
