"""Markdown, JSON and CSV: all figures are there, names are stable, and untrusted text breaks nothing."""

import csv
import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from afina.domain.report import ArmResult, CaseResult, Comparison, Estimate, Report
from afina.domain.row import Row
from afina.errors import BadRequest
from afina.evaluation.show.csv import arms, rows
from afina.evaluation.show.formats import FORMATS, check_suffix, written
from afina.evaluation.show.json import SCHEMA, as_json, text
from afina.evaluation.show.markdown import markdown
from afina.evaluation.show.tables import tables
from sample_report import SEEDS, report

DOCS = Path(__file__).parent.parent.parent / "docs" / "reports.md"
EVIL = "a|b <script>x</script> [l](http://e) `c` *d*\n# e"


@pytest.mark.parametrize(("name", "files"), [("r.html", 1), ("r.md", 1), ("deep/r.JSON", 1), ("r.csv", 2)])
def test_the_suffix_says_the_form(tmp_path: Path, name: str, files: int) -> None:
    made = written(report(8), tmp_path / name, "es")
    assert len(made) == files
    assert all(file.read_text() for file in made)


def test_another_suffix_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for path in (tmp_path / "r.pdf", tmp_path / "r"):
        with pytest.raises(BadRequest, match=r"\.html, \.md, \.json, \.csv"):
            written(report(8), path)
        with pytest.raises(BadRequest):
            check_suffix(path)
    assert not list(tmp_path.iterdir())


def test_another_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="xx"):
        written(report(8), tmp_path / "r.md", "xx")


def test_json_has_every_field_under_its_own_name() -> None:
    found = json.loads(text(report()))
    assert found["schema"] == SCHEMA
    assert set(found) == {"schema", *(f.name for f in fields(Report))}
    assert set(found["arms"][0]) == {f.name for f in fields(ArmResult)}
    assert set(found["results"][0]["rows"]["base"]) == {f.name for f in fields(Row)}
    assert set(found["against_base"][0]) == {"told_apart", *(f.name for f in fields(Comparison))}
    assert found["texts"]["form"]["role"] == "system"
    assert found["results"][0]["rows"]["tuned+knowledge"]["prompts"] == [["form", "k0"]] * 2
    assert found["arms"][0]["metrics"]["withheld"]["value"] is None
    assert found["recommendation"]["best"] == "tuned+knowledge"


def test_json_holds_no_number_that_json_does_not_know() -> None:
    found = report(8)
    odd = replace(found.arms[0], quality=Estimate(float("nan"), float("inf")), recipe={"k": {3, 1}, "p": Path("x")})
    plain = as_json(replace(found, arms=(odd, *found.arms[1:])))["arms"][0]
    assert plain["quality"]["value"] is None
    assert plain["quality"]["low"] is None
    assert plain["recipe"] == {"k": [1, 3], "p": "x"}


def test_the_fields_of_the_json_are_documented() -> None:
    told = DOCS.read_text()
    for kind in (Report, ArmResult, CaseResult, Row, Comparison):
        for field in fields(kind):
            assert f"`{field.name}`" in told, f"{kind.__name__}.{field.name} is not in docs/reports.md"
    assert SCHEMA in told


def test_csv_has_a_line_for_every_answer() -> None:
    found = report()
    lines = list(csv.DictReader(rows(found).splitlines()))
    assert len(lines) == sum(len(r.rows) for r in found.results)
    assert {line["row"] for line in lines if line["arm"] == "tuned"} == set(SEEDS)
    first = next(line for line in lines if line["case"] == "c1" and line["arm"] == "knowledge")
    assert (first["passages"], first["cited"], first["pass"]) == ("4", "1", "quality")
    assert first["score.withheld"] == ""  # no verdict is never a zero
    assert float(first["score.citation_precision"]) == 0.5


def test_csv_has_a_line_for_every_arm_with_intervals() -> None:
    found = report()
    lines = list(csv.DictReader(arms(found).splitlines()))
    assert [line["arm"] for line in lines] == [a.name for a in found.arms]
    best = lines[-1]
    assert (best["recommended"], best["front"], best["less_best.low"]) == ("1", "1", "")
    assert float(best["less_base.low"]) == pytest.approx(found.against_base[-1].low)
    assert lines[1]["stopped"] == "dominated"
    assert lines[4]["spread.seeds"] == "3"


def test_a_spreadsheet_takes_no_answer_for_a_formula() -> None:
    found = report(8)
    first = found.results[0]
    bad = replace(first.rows["base"], answer='=HYPERLINK("http://e")', failed="-1+2")
    results = (replace(first, question="@SUM(1)\r\n", rows={"base": bad}),)
    (line,) = csv.DictReader(rows(replace(found, results=results)).splitlines())
    assert line["answer"].startswith("'=")
    assert line["failed"] == "'-1+2"
    assert line["question"].startswith("'@")


@pytest.mark.parametrize("lang", ["en", "es"])
def test_markdown_draws_every_table_and_sentence(lang: str) -> None:
    found = report()
    shown = MarkdownIt("commonmark").enable("table").render(markdown(found, lang=lang))
    assert shown.count("<table>") == len(tables(found, lang)) == 4
    assert shown.count("<tr>") == 4 * (1 + len(found.arms))
    assert "<h1>" in shown


def test_markdown_takes_nothing_for_markup() -> None:
    found = report(8)
    arms = (replace(found.arms[0], what=EVIL), *found.arms[1:])
    shown = MarkdownIt("commonmark").enable("table").render(markdown(replace(found, name=EVIL, arms=arms)))
    assert "<script>" not in shown
    assert "<a " not in shown
    assert shown.count("<h1>") == 1
    assert "a|b" in shown


def test_every_form_is_written_even_without_cases(tmp_path: Path) -> None:
    for suffix in FORMATS:
        assert written(replace(report(8), results=()), tmp_path / f"r{suffix}")
