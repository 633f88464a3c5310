"""The standard library's documentation as Markdown: what is in it, what must never be, and that it does not move."""

import ast
import re
import subprocess
import sys

import pytest

from afina.demo import inspected, stdlib
from afina.domain.example import part_of


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    return dict(stdlib.documents())


def test_a_document_has_its_docstrings_and_signatures(documents: dict[str, str]) -> None:
    assert documents["json"].startswith("# json\n")
    assert "## json.dumps(obj, *, skipkeys=False, ensure_ascii=True" in documents["json"]
    assert "Serialize ``obj`` to a JSON formatted ``str``." in documents["json"]


@pytest.mark.parametrize(
    ("module", "heading"),
    [
        ("math", "## math.comb(n, k, /)"),
        ("zlib", "## zlib.crc32"),
        ("itertools", "## itertools.chain"),
        ("datetime", "## datetime.timedelta"),
        ("builtins", "## builtins.sorted"),
        ("collections", "## collections.deque"),
        ("json", "## json.JSONDecoder.raw_decode(s, idx=0)"),
        ("pathlib", "## pathlib.Path.rename(target)"),
        ("email", "## email.utils.make_msgid("),
    ],
)
def test_c_modules_submodules_and_lifted_names_go_by_the_name_that_users_know(
    documents: dict[str, str], module: str, heading: str
) -> None:
    assert heading in documents[module]


def test_nothing_private_no_windows_and_no_games(documents: dict[str, str]) -> None:
    assert not {"turtle", "tkinter", "idlelib", "antigravity", "test", "this"} & set(documents)
    headings = re.findall(r"(?m)^## ([\w.]+)", "\n".join(documents.values()))
    private = [h for h in headings if any(p.startswith("_") and p != "__import__" for p in h.split("."))]
    assert not private


def test_every_heading_is_one_that_was_written_here(documents: dict[str, str]) -> None:
    """A comment in an example must not become a heading of Markdown."""
    for name, text in documents.items():
        found = re.findall(r"(?m)^ {0,3}#{1,6} .*$", text)
        assert all(h.startswith(("# " + name, "## " + name + ".")) for h in found), name


def test_documents_come_in_the_same_order_with_the_same_text(documents: dict[str, str]) -> None:
    again = dict(stdlib.documents())
    assert list(again) == sorted(again)
    assert again == documents


def test_modules_are_split_by_the_hash_of_their_name(documents: dict[str, str]) -> None:
    parts = {name: stdlib.part(name) for name in documents}
    assert set(parts.values()) == {"tune", "held_out"}
    assert all(parts[name] == part_of(name, stdlib.SHARES) for name in parts)
    assert (parts["json"], parts["heapq"]) == ("held_out", "tune")  # written down: the split must never move


def test_extraction_imports_nothing_that_it_reads() -> None:
    """Python files are parsed; only the child, told to leave everything else alone, imports."""
    code = "import sys; before = set(sys.modules); from afina.demo import stdlib; list(stdlib._parse('webbrowser')); "
    code += "sys.exit('webbrowser' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_child_needs_the_standard_library_only() -> None:
    tree = ast.parse(open(inspected.__file__).read())  # noqa: PTH123, SIM115
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert imported <= sys.stdlib_module_names


def test_tidy_keeps_words_and_defuses_markdown() -> None:
    assert stdlib.tidy("Title\n=====\n\n# a comment\n\n\n\nend") == "Title\n\n    # a comment\n\nend"
    long = "first paragraph\n\n" + "x" * stdlib.MAX_DOC_CHARS
    assert stdlib.tidy(long) == "first paragraph"
