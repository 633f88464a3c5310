"""Progress, tables and lines."""

import json
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress as Bars

from afina.cli import _screen
from afina.cli._screen import BarTell, Pace, PlainTell, duration, number, say_json, table, telling
from afina.domain.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_pace_says_rate_and_time_left() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.state(Progress("embed", 0, 100, "passages")) == "0/100 passages"
    clock.now = 4
    assert pace.state(Progress("embed", 20, 100, "passages")) == "20/100 passages, 5/s, 16 s left"
    assert pace.state(Progress("embed", 20, 100, "passages", left_s=90)).endswith("1 min 30 s left")
    assert "left" not in pace.state(Progress("embed", 100, 100, "passages"))


def test_plain_lines_are_few_but_notes_and_the_end_always_show() -> None:
    clock, lines = Clock(), list[str]()
    tell = PlainTell(lines.append, clock)
    for done in range(101):
        clock.now = done / 10
        tell(Progress("read", done, 100, "files"))
    assert lines[0] == "read: 0/100 files"
    assert lines[-1].startswith("read: 100/100 files")
    assert len(lines) == 3
    tell(Progress("read", note="bad.pdf: page 3: no text"))
    assert lines[3:] == ["read: bad.pdf: page 3: no text"]


def test_a_stage_of_unknown_length_is_only_named() -> None:
    lines: list[str] = []
    PlainTell(lines.append)(Progress("opening the model"))
    assert lines == ["opening the model ..."]


def test_bars_end_a_stage_of_unknown_length_when_the_next_begins() -> None:
    with Bars(console=Console(file=StringIO())) as bars:
        tell = BarTell(bars)
        tell(Progress("opening"))
        tell(Progress("reading", 1, 4, "files", note="bad.pdf [x]"))
        assert [(t.description, t.completed, t.total) for t in bars.tasks] == [("opening", 1, 1), ("reading", 1, 4)]


def test_progress_goes_to_stderr_only(capsys: pytest.CaptureFixture[str]) -> None:
    with telling() as tell:
        tell(Progress("read", 1, 1, "files"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "read: 1/1 files\n"


@pytest.mark.parametrize(("value", "text"), [(120000.0, "120000"), (0.000103, "0.00"), (1.25, "1.25"), (3, "3")])
def test_number(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (125, "2 min 05 s"), (4200, "1 h 10 min")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_table_without_a_terminal_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    table(["arm", "F1"], [["base", 17.0], ["tuned [x]", 62.25], ["none", None]])
    assert capsys.readouterr().out.splitlines() == [
        "arm           F1",
        "base        17.0",
        "tuned [x]  62.25",
        "none",
    ]


def test_a_table_on_a_terminal_keeps_brackets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _screen._draw(["arm"], [["tuned [red]x"]], "A [b]")
    out = capsys.readouterr().out
    assert "tuned [red]x" in out
    assert "A [b]" in out


def test_json_takes_dataclasses_and_paths(capsys: pytest.CaptureFixture[str]) -> None:
    @dataclass(frozen=True)
    class Thing:
        where: Path
        names: tuple[str, ...]

    say_json({"thing": Thing(Path("a/b"), ("ñ",))})
    assert json.loads(capsys.readouterr().out) == {"thing": {"where": "a/b", "names": ["ñ"]}}
