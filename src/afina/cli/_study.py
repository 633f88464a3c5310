"""A report in a terminal."""

from afina.cli._screen import say, table
from afina.domain.report import Report
from afina.evaluation.show.sentences import sections
from afina.evaluation.show.tables import tables


def show(report: Report, *, lang: str = "en") -> None:
    """Tables, then what follows from them."""
    for one in tables(report):
        say()
        table([name for name, _ in one.columns], [[c.text for c in row] for row in one.rows], title=one.title)
        say(f"  {one.note}")
    for section in sections(report, lang):
        say()
        say(section.title)
        for line in section.lines:
            say(f"  {line}")
