"""A report as one self-contained HTML page: no outside resources, untrusted text escaped, a strict content policy."""

import base64
import hashlib
import json
import time
import unicodedata
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from afina.domain.report import Report
from afina.evaluation.show.cases import views
from afina.evaluation.show.forest import added, forest, qualities
from afina.evaluation.show.plot import Costing, Plot, plot
from afina.evaluation.show.sentences import sections
from afina.evaluation.show.tables import size, tables, unit_of
from afina.evaluation.show.words import Words, words

WIDE, NARROW = (760.0, 380.0), (340.0, 300.0)
"""Sizes of a plot; style shows the one that fits."""
LONGEST_MESSAGE = 20_000
"""Characters of one message that the page holds; a page must stay quick, and the JSON has the rest."""
TEMPLATES = ("report", "plots", "cases")


def page(report: Report, *, lang: str = "en") -> str:
    """The whole page. Its script is allowed by its own hash; nothing else may run or load.

    Raises:
        BadRequest: reports do not speak this language.
    """
    w, script = words(lang), _asset("report.js")
    style = _asset("report.css")
    places = {digest: n for n, digest in enumerate(report.texts)}
    content = jinja2.Environment(
        loader=jinja2.DictLoader({name: _asset(f"{name}.html.j2") for name in TEMPLATES}),
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else visible(value),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return content.get_template("report").render(
        r=report, w=w, lang=lang, tables=tables(report, lang), size=size(report, w),
        said={s.key: s for s in sections(report, lang)}, cases=views(report, w, places),
        metric=w.metric(report.primary),
        forests=_pair(lambda x, _: forest(qualities(report, w), width=x, w=w)),
        effects=_pair(lambda x, _: forest(added(report, w), width=x, w=w)),
        plots=_pair(lambda x, y: _by_price(report, w, x, y)), small=_small(report, w),
        date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(report.created)),
        style=style, style_sha=_sha(style), script=script, script_sha=_sha(script), data=_data(report, w),
    )  # fmt: skip


def visible(text: Any) -> str:
    """Text whose control and direction-changing characters are written out, so that they cannot disguise others."""
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp") else f"\\u{ord(c):04x}"
        for c in str(text)
    )


def _pair(draw: Any) -> list[Any]:
    """The wide and the narrow drawing; empty where there is nothing to draw."""
    return [drawn for x, y in (WIDE, NARROW) if (drawn := draw(x, y)) is not None]


def _by_price(report: Report, w: Words, width: float, height: float) -> Plot | None:
    title = w.say("plot.price", unit=unit_of(report, w))
    return plot(report, lambda a: a.cost.per_answer, width=width, height=height, x_title=title, w=w)


def _small(report: Report, w: Words) -> list[Plot]:
    """Quality against waiting and against energy."""
    axes: Mapping[str, Costing] = {
        "seconds": lambda a: a.cost.seconds,
        "energy": lambda a: None if a.cost.energy_wh is None else 1000 * (a.cost.energy_wh + (a.cost.prepared_wh or 0)),
    }
    drawn = (
        plot(report, cost, width=NARROW[0] + 20, height=NARROW[1], x_title=w[f"plot.{name}"], w=w)
        for name, cost in axes.items()
    )
    return [p for p in drawn if p is not None]


def _data(report: Report, w: Words) -> str:
    """The messages of all prompts, each once, and the words that the script needs; safe inside a script element."""
    texts = [[w.get(f"role.{role}", visible(role)), _shortened(text, w)] for role, text in report.texts.values()]
    said = {key: w[f"page.{key}"] for key in ("call", "no_prompt", "shown")}
    whole = json.dumps({"texts": texts, "words": said}, ensure_ascii=False)
    return whole.replace("<", "\\u003c")


def _shortened(text: str, w: Words) -> str:
    left = len(text) - LONGEST_MESSAGE
    more = w.say("page.cut", count=w.whole(left)) if left > 0 else ""
    return visible(text[:LONGEST_MESSAGE]) + more


def _asset(name: str) -> str:
    return (resources.files("afina.evaluation.show") / name).read_text(encoding="utf-8")


def _sha(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
