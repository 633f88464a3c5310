"""The documents say what is there: links lead somewhere, verbs exist, and nobody's machine is named."""

import re
from pathlib import Path

import pytest

from afina.cli import _index

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
VERB = re.compile(r"(?:^|[`$ ])afina ([a-z][a-z-]+)", re.MULTILINE)
PROSE = {
    "is",
    "as",
    "needs",
    "runs",
    "does",
    "itself",
    "with",
    "on",
    "will",
    "adapts",
    "in",
    "para",
    "es",
    "no",
    "adapta",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{name_of(page)} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_verb_named_exists(page: Path) -> None:
    code = "\n".join(re.findall(r"```.*?```|`[^`]+`", page.read_text(), re.DOTALL))
    for verb in set(VERB.findall(code)) - PROSE:
        assert verb in _index.VERBS, f"{name_of(page)} names afina {verb}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_machine_is_named(page: Path) -> None:
    text = page.read_text()
    for place in ("/root/", "/work/", "/home/", ".pyenv", "/tmp/"):
        assert place not in text, f"{name_of(page)} names {place}"
    assert not re.search(r"\b[A-Z]+_OUTPUT\b", text), f"{name_of(page)} has a place that was never filled"


@pytest.mark.parametrize("target", ["run", "test", "check", "test-slow", "bench"])
def test_the_readme_commands_are_in_the_makefile(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert f"make {target}" in (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()


@pytest.mark.parametrize("title", ["Triage, English", "Triage, Spanish", "Support, English", "Support, Spanish"])
def test_the_page_of_templates_prints_each_study_with_intervals(title: str) -> None:
    page = (ROOT / "docs" / "templates.md").read_text()
    study = page.partition(f"### {title}\n")[2].partition("\n### ")[0]
    assert "95 % interval" in study
    assert "Recommendation" in study
    arms = re.findall(r"^(\S+) +\d+\.\d +\d+\.\d to \d+\.\d", study, re.MULTILINE)
    assert arms[0] == "base"
    assert len(arms) >= 5
