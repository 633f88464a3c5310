"""How verbs show a study: tables that fit the screen, then what follows from them, the recommendation last."""

import shutil
import sys
import textwrap
from collections.abc import Sequence

from afina.cli._screen import say, table
from afina.domain.report import Report
from afina.evaluation.show.sentences import Section, sections
from afina.evaluation.show.tables import Table, size, tables
from afina.evaluation.show.words import words

WIDTH = 100
"""Columns of text at most; a narrower terminal has fewer."""
BETWEEN, FRAME = 3, 1
"""What a drawn table takes besides its cells: for each column, and once."""


def show(report: Report, *, lang: str = "en") -> None:
    """Tables, then the sentences, the recommendation last: where whoever waited looks first."""
    width = min(WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH
    for one in tables(report, lang):
        say()
        _show_table(fitting(one, width), width)
    first, *rest = sections(report, lang)
    for section in (*rest, first):
        say()
        _show_section(section, width)


def heading(report: Report, *, lang: str = "en") -> str:
    """What a study is, in one line."""
    return f"{report.name} ({report.id}): {size(report, words(lang))}"


def fitting(whole: Table, width: int) -> Table:
    """The table with as many of its columns, in their order of importance, as fit; never fewer than two."""
    lines = [[name for name, _ in whole.columns], *([cell.text for cell in row] for row in whole.rows)]
    widths = [max(len(line[i]) for line in lines) + BETWEEN for i in range(len(whole.columns))]
    kept = 2
    while kept < len(widths) and sum(widths[: kept + 1]) + FRAME <= width:
        kept += 1
    return Table(whole.title, whole.note, whole.columns[:kept], tuple(row[:kept] for row in whole.rows))


def _show_table(one: Table, width: int) -> None:
    table([name for name, _ in one.columns], [[c.text for c in row] for row in one.rows], title=one.title)
    _wrapped([one.note], width, indent="  ")


def _show_section(section: Section, width: int) -> None:
    say(section.title)
    _wrapped(section.lines, width, indent="  ")


def _wrapped(lines: Sequence[str], width: int, *, indent: str) -> None:
    for line in lines:
        for part in textwrap.wrap(line, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False):
            say(part)
