"""A report as one self-contained HTML page: no outside resources, untrusted text escaped, a strict content policy."""

import base64
import hashlib
import time
import unicodedata
from importlib import resources
from typing import Any

import jinja2

from afina.domain.report import CaseResult, Report
from afina.evaluation.show.plot import plot
from afina.evaluation.show.tables import tables
from afina.evaluation.show.words import words

WIDE, NARROW = (760.0, 380.0), (340.0, 300.0)
"""Sizes of the plot; style shows the one that fits."""


def page(report: Report, *, lang: str = "en") -> str:
    """The whole page. Its script is allowed by its own hash; nothing else may run or load."""
    script = _asset("report.js")
    content = jinja2.Environment(
        loader=jinja2.DictLoader({"report": _asset("report.html.j2")}),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    content.filters["visible"] = visible
    return content.get_template("report").render(
        r=report, w=words(lang), lang=lang, tables=tables(report), outcome=outcome,
        plots=[p for p in (plot(report, width=x, height=y) for x, y in (WIDE, NARROW)) if p],
        date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(report.created)),
        style=_asset("report.css"), script=script, script_sha=_sha(script),
    )  # fmt: skip


def visible(text: Any) -> str:
    """Text whose control and direction-changing characters are written out, so that they cannot disguise others."""
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf") else f"\\u{ord(c):04x}" for c in str(text)
    )


def outcome(result: CaseResult) -> str:
    """'everybody', 'nobody' or 'disagree', over the arms that have a verdict."""
    verdicts = {v >= 0.5 for v in result.right.values() if v is not None}
    return "disagree" if len(verdicts) != 1 else "everybody" if verdicts == {True} else "nobody"


def _asset(name: str) -> str:
    return (resources.files("afina.evaluation.show") / name).read_text(encoding="utf-8")


def _sha(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
