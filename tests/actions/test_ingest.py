"""Adding and removing, from files to search; and that what was removed is gone from every byte."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from afina.actions.ingest import Ingested, add, add_bytes, remove
from afina.actions.initialise import initialise
from afina.actions.search import search
from afina.domain.progress import Progress
from afina.errors import BadRequest, ConfigError, NotFound
from afina.testing.fakes import WordEmbedder
from afina.workspace import Workspace, open_workspace

CANARY = "Quetzalcanary"


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    root = initialise(tmp_path / "ws")
    opened = open_workspace(root, embedders={"minilm": WordEmbedder()})
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    (made / "sub").mkdir(parents=True)
    (made / "boats.md").write_text("# Boats\n\nA red boat left the harbour.\n")
    (made / "sub" / "bread.txt").write_text("Knead the dough and bake the bread.")
    (made / "notes.log").write_text("not wanted")
    (made / "broken.docx").write_bytes(b"PK\x03\x04 nothing")
    (made / ".hidden.md").write_text("hidden")
    (made / ".afinaignore").write_text("# what is left out\n*.log\n")
    return made


def counts(result: Ingested) -> tuple[int, int, int, int]:
    return result.added, result.replaced, result.unchanged, len(result.failed)


def test_a_folder_is_taken_in_and_searched(ws: Workspace, folder: Path) -> None:
    told: list[Progress] = []
    result = add(ws, folder, tell=told.append)
    assert counts(result) == (2, 0, 0, 1)
    assert result.failed[0].name == "broken.docx"
    assert any("broken.docx" in p.note for p in told)
    assert told[-1].done == told[-1].total > 0
    found = search(ws, "red boat", top_k=1)[0]
    assert (found.passage.document, found.passage.heading) == ("boats.md", "Boats")
    assert {d.name for d in ws.passages.documents(ws.scope, "docs")} == {"boats.md", "sub/bread.txt"}


def test_adding_twice_does_nothing_and_a_change_replaces(ws: Workspace, folder: Path) -> None:
    add(ws, folder)
    generation = ws.passages.generation(ws.scope, "docs")
    assert counts(add(ws, folder)) == (0, 0, 2, 1)
    assert ws.passages.generation(ws.scope, "docs") == generation
    (folder / "boats.md").write_text("# Boats\n\nA green submarine.\n")
    assert counts(add(ws, folder)) == (0, 1, 1, 1)
    texts = [f.passage.text for f in search(ws, "submarine red harbour", top_k=9)]
    assert any("submarine" in text for text in texts)
    assert not any("harbour" in text for text in texts)


def test_patterns_and_bytes(ws: Workspace, folder: Path) -> None:
    assert counts(add(ws, folder, ignore=["sub/", "*.docx"])) == (1, 0, 0, 0)
    assert counts(add_bytes(ws, b"name,age\nAna,3\n", "people.csv")) == (1, 0, 0, 0)
    assert search(ws, "Ana age", top_k=1)[0].passage.document == "people.csv"
    assert add_bytes(ws, b"", "empty.txt").failed[0].reason == "there is no text in it"


def test_another_embedder_embeds_what_is_there(ws: Workspace, folder: Path) -> None:
    add(ws, folder / "boats.md")
    with ws.store.writing() as db:
        db.execute("DELETE FROM vectors")
    assert counts(add(ws, folder / "boats.md")) == (0, 0, 1, 0)
    assert len(list(ws.passages.vectors(ws.scope, "docs", WordEmbedder().digest))) == 1


def test_faults_are_named(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file or folder"):
        add(ws, tmp_path / "nowhere")
    with pytest.raises(NotFound, match='no collection is called "dcos"; did you mean "docs"'):
        search(ws, "x", collection="dcos")
    with pytest.raises(BadRequest, match="empty"):
        search(ws, " ")
    with pytest.raises(BadRequest, match="top_k is 0"):
        search(ws, "x", top_k=0)


def test_split_options_are_checked(tmp_path: Path) -> None:
    root = initialise(tmp_path / "ws")
    (root / "afina.toml").write_text("[collections.docs]\nsplit = { token = 50 }\n")
    ws = open_workspace(root, embedders={"minilm": WordEmbedder()})
    with pytest.raises(ConfigError, match='"token" is not a key here; did you mean "tokens"'):
        add_bytes(ws, b"x", "a.txt")
    ws.close()


def test_what_is_removed_is_gone_from_every_byte(ws: Workspace, folder: Path) -> None:
    text = "\n\n".join(f"# Part {n}\n\nThe {CANARY} number {n} sang to the harbour." for n in range(50))
    (folder / f"{CANARY}.md").write_text(text)
    add(ws, folder)
    assert CANARY in search(ws, f"{CANARY} sang", top_k=1)[0].passage.text
    assert holding(ws.root), "the scan would find nothing anyway"
    removed = remove(ws, f"{CANARY}.md")
    assert (removed.passages, removed.erased) == (50, True)
    assert holding(ws.root) == []
    assert all(CANARY not in f.passage.text for f in search(ws, f"{CANARY} sang", top_k=9))
    assert holding(ws.root) == []
    assert search(ws, "red boat", top_k=1)[0].passage.document == "boats.md"


def test_a_replaced_text_is_gone_too(ws: Workspace, folder: Path) -> None:
    (folder / "a.md").write_text(f"The {CANARY} sang.")
    add(ws, folder)
    search(ws, "sang", top_k=1)
    (folder / "a.md").write_text("Nothing sang.")
    add(ws, folder)
    search(ws, "sang", top_k=1)
    ws.store.checkpoint()
    assert holding(ws.root) == []


def holding(root: Path) -> list[str]:
    """Files of the workspace in which the canary stands, in any case, as UTF-8 or UTF-16."""
    cases = (CANARY, CANARY.lower(), CANARY.upper())
    wanted = [word.encode(code) for word, code in itertools.product(cases, ("utf-8", "utf-16-le", "utf-16-be"))]
    files = [path for path in root.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(word in path.read_bytes() for word in wanted)]


def test_a_name_that_is_not_utf_8_costs_one_line(ws: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "a.md").write_text("# A\n\nThe first page.\n")
    try:
        (folder / os.fsdecode(b"caf\xe9.md")).write_text("# C\n\nCoffee.\n")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    (folder / "z.md").write_text("# Z\n\nThe last page.\n")
    done = add(ws, folder)
    assert done.added == 2
    assert [(f.name, f.reason) for f in done.failed] == [("caf\\udce9.md", "its name is not UTF-8; rename it")]


def test_a_prefix_keeps_two_folders_apart(ws: Workspace, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "readme.md").write_text(f"# {name}\n\nThis is {name}.\n")
        assert add(ws, tmp_path / name, prefix=name).added == 1
    names = {d.name for d in ws.passages.documents(ws.scope, "docs")}
    assert {"one/readme.md", "two/readme.md"} <= names
