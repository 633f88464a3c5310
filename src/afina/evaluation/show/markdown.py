"""A report as Markdown: its sentences and its tables, as GitHub shows them."""

import re
import time

from afina.domain.report import Report
from afina.evaluation.show.sentences import sections
from afina.evaluation.show.tables import Table, size, tables
from afina.evaluation.show.words import words

MEANS_SOMETHING = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def markdown(report: Report, *, lang: str = "en") -> str:
    """Raises BadRequest: reports do not speak this language."""
    w = words(lang)
    date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(report.created))
    said = [f"## {s.title}\n\n" + "\n".join(f"- {plain(line)}" for line in s.lines) for s in sections(report, lang)]
    first, rest = said[0].replace("\n- ", "\n\n").replace("\n\n\n", "\n\n"), said[1:]
    arms = "\n".join(f"- **{plain(a.name)}**: {plain(w.arm(a.name, report.task, a.what))}" for a in report.arms)
    shown = "\n".join(
        f"- {plain(w.setting(name))}: {plain(w.value(value))}"
        for name, value in report.settings.items()
        if value is not None
    )
    parts = [
        f"# {plain(report.name)}", f"{size(report, w)} · {date} · {plain(report.engine)} · {report.id}", first,
        f"## {w['section.arms']}", arms, *(_table(t) for t in tables(report, lang)), *rest,
        f"## {w['section.how']}", shown,
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def plain(text: str) -> str:
    """Text of which nothing is taken for markup, on one line."""
    return MEANS_SOMETHING.sub(r"\\\1", " ".join(text.split()))


def _table(table: Table) -> str:
    lines = [
        [name for name, _ in table.columns],
        ["---", *(["---:"] * (len(table.columns) - 1))],
        *([plain(cell.text + (f" ({cell.more})" if cell.more else "")) for cell in row] for row in table.rows),
    ]
    lines[0] = [plain(name) for name in lines[0]]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"### {table.title}\n\n{body}\n\n{plain(table.note)}"
