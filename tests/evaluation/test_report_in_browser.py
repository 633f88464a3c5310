"""The page in a real browser, under its own content policy: sorting, filters, and prompts that open."""

import re
import shutil
import subprocess

import pytest

from afina.evaluation.show import html
from sample_report import report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--virtual-time-budget=4000", "--dump-dom")  # fmt: skip
ACTS = """
document.querySelectorAll("thead button")[1].click();
document.querySelector("[data-arm='tuned+knowledge']").open = true;
form.elements.outcome.value = "failed";
form.elements.arm.value = "!2";
form.dispatchEvent(new Event("input"));
"""


@pytest.fixture(scope="module")
def dom(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the page is after somebody sorted a table, opened an answer and chose among the cases."""
    if BROWSER is None:
        pytest.skip("no Chromium or Chrome on the path")
    folder = tmp_path_factory.mktemp("browser")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html, "_asset", lambda name, plain=html._asset: plain(name) + ACTS * (name == "report.js"))
        (folder / "page.html").write_text(html.page(report()), encoding="utf-8")
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", (folder / "page.html").as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
    if "</html>" not in shown:
        pytest.skip("the browser does not start here")
    return shown


def test_a_heading_sorts_its_table(dom: str) -> None:
    found = re.search(r'aria-sort="descending"[^>]*><button type="button">right %', dom)
    assert found
    body = dom[found.end() : dom.index("</tbody>", found.end())]
    first = [float(v) for v in re.findall(r"<tr[^>]*><td[^>]*>[^<]*</td><td[^>]*>([\d.]+)</td>", body)]
    assert len(first) == 6
    assert first == sorted(first, reverse=True)


def test_cases_are_filtered_by_outcome_and_by_what_an_arm_did(dom: str) -> None:
    articles = re.findall(r"<article ([^>]*)>", dom)
    shown = [a for a in articles if "hidden" not in a]
    assert len(articles) == 60
    assert len(shown) == 1
    assert "failed" in shown[0]
    assert "1 of 60 cases" in dom
    assert '<form id="filters">' in dom


def test_an_answer_opens_with_the_prompt_that_the_model_read(dom: str) -> None:
    opened = dom[dom.index('data-arm="tuned+knowledge" open') :]
    assert opened.index("Call 2 of 2") < opened.index("</article>")
    assert "[1] timetable-1.md\nThe night boat sails at 23:40 from pier 0" in opened
    assert dom.count('class="message"') == 4


def test_the_policy_names_the_script_and_the_style() -> None:
    """By their hashes: one letter more and they would not run."""
    text = html.page(report(8))
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(script) == 1
    assert f"script-src 'sha256-{html._sha(script[0])}'" in text
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert f"style-src 'sha256-{html._sha(style[0])}'" in text
