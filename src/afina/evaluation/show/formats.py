"""Which file a report is written to says in which form: .html, .md, .json or .csv."""

from collections.abc import Callable, Mapping
from pathlib import Path

from afina.domain.report import Report
from afina.errors import BadRequest
from afina.evaluation.show import csv, json
from afina.evaluation.show.html import page
from afina.evaluation.show.markdown import markdown

Texts = Mapping[str, str]
"""What is added to the name of a file -> its text."""

FORMATS: Mapping[str, Callable[[Report, str], Texts]] = {
    ".html": lambda report, lang: {"": page(report, lang=lang)},
    ".md": lambda report, lang: {"": markdown(report, lang=lang)},
    ".json": lambda report, lang: {"": json.text(report)},
    ".csv": lambda report, lang: {"": csv.rows(report), "-arms": csv.arms(report)},
}


def check_suffix(path: Path) -> None:
    """Raises BadRequest: no report is written to such a file."""
    if path.suffix.lower() not in FORMATS:
        raise BadRequest(
            f'"{path.name}" has no suffix that a report is written to; take one of {", ".join(FORMATS)}', param="out"
        )


def written(report: Report, path: Path, lang: str = "en") -> tuple[Path, ...]:
    """Write a report to a file, replacing what is there; the files written. A folder that is missing is made.

    .csv makes two: NAME.csv with a line an answer, NAME-arms.csv with a line an arm. JSON and CSV have field names, not
    words, so `lang` says nothing there.

    Raises:
        BadRequest: another suffix, or a language that reports do not speak.
    """
    check_suffix(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    made = []
    for more, text in FORMATS[path.suffix.lower()](report, lang).items():
        file = path.with_name(f"{path.stem}{more}{path.suffix}")
        file.write_text(text, encoding="utf-8")
        made.append(file)
    return tuple(made)
