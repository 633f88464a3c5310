"""What verbs show: progress with rate and time left, tables, lines, JSON. Results to stdout, progress to stderr."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from afina.domain.progress import Progress, Tell

PLAIN_EVERY_S = 5.0
"""Without a terminal, a stage writes a line at most this often; its first and last are always written."""


def say(text: str = "") -> None:
    """One line of result."""
    print(text, flush=True)


def say_json(value: Any) -> None:
    """A result for programs; dataclasses become objects, paths and the like strings."""
    say(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """A table: drawn on a terminal, aligned by spaces elsewhere. None is an empty cell; numbers stand to the right."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _draw(columns, cells, title)
        return
    if title:
        say(title)
    right = _numeric(len(columns), cells)
    widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
    for line in [list(columns), *cells]:
        padded = (c.rjust(w) if to_right else c.ljust(w) for c, w, to_right in zip(line, widths, right, strict=True))
        say("  ".join(padded).rstrip())


@contextmanager
def telling() -> Iterator[Tell]:
    """Somewhere to tell progress to, from any thread, while the block runs."""
    if not sys.stderr.isatty():
        yield PlainTell(lambda line: print(line, file=sys.stderr, flush=True))
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    with Bars(*columns, console=Console(stderr=True), transient=False) as bars:
        yield BarTell(bars)


class Pace:
    """How fast a stage goes and what is left of it, from what it told so far."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._first: float | None = None

    def state(self, progress: Progress) -> str:
        """'120/400 passages, 35/s, 8 s left'; parts that are unknown are left out."""
        self._first = progress.done if self._first is None else self._first
        elapsed = self._clock() - self._started
        rate = (progress.done - self._first) / elapsed if elapsed > 0 else 0.0
        count = number(progress.done) + (f"/{number(progress.total)}" if progress.total else "")
        parts = [f"{count} {progress.unit}".strip()] if progress.done or progress.total else []
        if rate:
            parts.append(f"{rate:.3g}/s")
        left = progress.left_s
        if left is None and rate and progress.total:
            left = (progress.total - progress.done) / rate
        if left is not None and progress.done < progress.total:
            parts.append(f"{duration(left)} left")
        return ", ".join(parts)


class PlainTell:
    """Tells progress in plain lines, seldom."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._paces: dict[str, Pace] = {}
        self._written: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, progress: Progress, /) -> None:
        with self._lock:
            now = self._clock()
            pace = self._paces.setdefault(progress.stage, Pace(self._clock))
            if progress.note:
                self._write(f"{progress.stage}: {progress.note}" if progress.stage else progress.note)
            state = pace.state(progress)
            finished = bool(progress.total) and progress.done >= progress.total
            due = now - self._written.get(progress.stage, float("-inf")) >= PLAIN_EVERY_S
            if progress.stage and (due or finished) and not (progress.note and not progress.total):
                self._written[progress.stage] = now
                self._write(f"{progress.stage}: {state}" if state else f"{progress.stage} ...")


class BarTell:
    """Tells progress as one bar a stage."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._paces: dict[str, Pace] = {}
        self._lock = threading.Lock()

    def __call__(self, progress: Progress, /) -> None:
        with self._lock:
            if progress.note:
                self._bars.console.print(Text(progress.note))
            if not progress.stage or (progress.note and not progress.total):
                return
            if progress.stage not in self._tasks:
                self._end_endless()
                self._tasks[progress.stage] = self._bars.add_task(progress.stage, total=None, state="")
            pace = self._paces.setdefault(progress.stage, Pace())
            self._bars.update(
                self._tasks[progress.stage],
                completed=progress.done,
                total=progress.total or None,
                state=pace.state(progress),
            )

    def _end_endless(self) -> None:
        """A stage of unknown length is over when the next one begins."""
        for task in self._bars.tasks:
            if task.total is None:
                self._bars.update(task.id, total=1, completed=1)


def number(value: float) -> str:
    """'12000', '0.25'."""
    return f"{value:.0f}" if value == round(value) else f"{value:.2f}"


def duration(seconds: float) -> str:
    """'8 s', '2 min 05 s', '1 h 10 min'."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def _draw(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str) -> None:
    drawn = Table(title=Text(title) if title else None, title_justify="left")
    for name, to_right in zip(columns, _numeric(len(columns), cells), strict=True):
        drawn.add_column(Text(name), justify="right" if to_right else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)


def _numeric(width: int, cells: Sequence[Sequence[str]]) -> list[bool]:
    """Which columns hold nothing but numbers (with a sign, a unit sign, or an interval) and blanks."""
    return [
        any(row[i] for row in cells) and all(not row[i] or row[i].strip()[:1] in "0123456789+-−–<.$€" for row in cells)
        for i in range(width)
    ]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)
