"""Parsers in a child: limits, crashes, secrets, bombs; and the real files of AFINA_DATA."""

import io
import json
import os
import signal
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from afina.errors import UnreadableDocument
from afina.knowledge import _reading_child
from afina.knowledge.reading import Limits, Reading, readers


@pytest.fixture(scope="module")
def reading() -> Iterator[Reading]:
    with Reading(Limits(seconds=20)) as opened:
        yield opened


def test_suffixes_have_readers() -> None:
    assert {".txt", ".md", ".html", ".pdf", ".csv", ".jsonl", ".docx"} <= set(readers())


def test_a_file_is_read(reading: Reading) -> None:
    parsed = reading.read("# Título\n\nUna línea.".encode(), "a.md")
    assert parsed.title == "Título"
    assert parsed.headings == ((0, 1, "Título"),)


def test_unknown_formats_are_named(reading: Reading) -> None:
    with pytest.raises(UnreadableDocument, match=r'no reader for ".xyz"'):
        reading.read(b"x", "a.xyz")


def test_a_child_that_is_killed_is_one_failed_file(reading: Reading) -> None:
    reading.read(b"warm", "a.txt")
    assert reading._child is not None
    os.kill(reading._child.pid, signal.SIGKILL)
    reading._child.wait()
    with pytest.raises(UnreadableDocument, match="signal 9"):
        reading.read(b"x", "a.txt")
    assert reading.read(b"next", "a.txt").text == "next"


def test_a_slow_file_is_one_failed_file() -> None:
    with Reading(Limits(seconds=0.01)) as hurried:
        started = time.monotonic()
        with pytest.raises(UnreadableDocument, match="not read within"):
            hurried.read(b"a,b\n1,2\n" * 2_000_000, "a.csv")
        assert time.monotonic() - started < 5


def test_too_much_input_and_output_are_refused() -> None:
    with Reading(Limits(input_bytes=10)) as small, pytest.raises(UnreadableDocument, match="more than 10"):
        small.read(b"x" * 11, "a.txt")
    with Reading(Limits(output_bytes=2000)) as small, pytest.raises(UnreadableDocument, match="more text than 1,000"):
        small.read(b"word " * 1000, "a.txt")


def test_memory_has_a_limit() -> None:
    with Reading(Limits(memory_bytes=300 << 20)) as small, pytest.raises(UnreadableDocument, match=r"memory|ended"):
        small.read(b"a,b\n1,2\n" * 8_000_000, "a.csv")


def test_the_child_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with Reading() as opened:
        opened.read(b"x", "a.txt")
        assert opened._child is not None
        environ = Path(f"/proc/{opened._child.pid}/environ")
        if not environ.exists():
            pytest.skip("no /proc on this platform")
        assert b"secret" not in environ.read_bytes()


def bomb(unpacked_bytes: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * unpacked_bytes)
    return packed.getvalue()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(reading: Reading) -> None:
    with pytest.raises(UnreadableDocument, match="bomb"):
        reading.read(bomb(50_000_000), "a.docx")


def test_nesting_is_borne(reading: Reading) -> None:
    with pytest.raises(UnreadableDocument, match="line 1"):
        reading.read(b"[" * 200_000, "a.jsonl")
    assert "deep" in reading.read(b"<div>" * 5_000 + b"deep", "a.html").text


def test_what_a_reader_says_is_checked() -> None:
    said = _reading_child.answered({"reader": "jsonl", "name": "a.jsonl"}, b"{", 1000)
    assert "line 1" in said["reason"]


@pytest.fixture(scope="module")
def real(reading: Reading) -> list[tuple[dict[str, Any], str | None]]:
    """(what is known of a file, its text or None) for every real file in a format that we read."""
    data = os.environ.get("AFINA_DATA")
    if not data or not (Path(data) / "documents").is_dir():
        pytest.skip("AFINA_DATA has no documents/")
    folder = Path(data) / "documents"
    rows = [json.loads(line) for line in (folder / "documents.jsonl").read_text().splitlines()]
    results: list[tuple[dict[str, Any], str | None]] = []
    for row in (row for row in rows if reading.knows(row["file"])):
        try:
            results.append((row, reading.read((folder / row["file"]).read_bytes(), row["file"]).text))
        except UnreadableDocument:
            results.append((row, None))
    return results


def test_real_files_are_read(real: list[tuple[dict[str, Any], str | None]]) -> None:
    sound = [(row, text) for row, text in real if row["category"] == "ok"]
    read = sum(bool(text and text.strip()) for _, text in sound)
    print(f"{read} of {len(sound)} sound files gave text; all: {Counter(row['category'] for row, _ in real)}")
    assert read >= 0.88 * len(sound)


def test_what_must_be_in_real_files_is_there(real: list[tuple[dict[str, Any], str | None]]) -> None:
    wanted = [(" ".join(words.split()), text) for row, text in real if text for words in row["must_include"]]
    missing = [words for words, text in wanted if words not in " ".join((text or "").split())]
    assert len(missing) <= 0.3 * len(wanted)


def test_encrypted_files_say_so(real: list[tuple[dict[str, Any], str | None]]) -> None:
    assert all(text is None for row, text in real if row["category"] == "encrypted" and row["password"])
