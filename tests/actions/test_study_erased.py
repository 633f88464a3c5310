"""A document that is removed: no study keeps a word of it, and every study keeps its figures."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from afina.actions._building import stock_of
from afina.actions._learning import adapters
from afina.actions.compare import compare
from afina.actions.ingest import add, remove
from afina.actions.initialise import initialise
from afina.actions.studies import report_of
from afina.domain.example import Case, Example
from afina.domain.message import Message
from afina.domain.progress import silent
from afina.evaluation.design import Design
from afina.store import artefacts
from afina.testing.echo import EchoEngine
from afina.testing.fakes import WordEmbedder
from afina.workspace import Workspace, open_workspace

CANARY = "Quetzalcanary"
LINE = f"The {CANARY} lamp of the old harbour costs 30 euros in every shop."
CASES = [
    Case("c1", "What does the lamp cost?", ("30 euros",), lang="en", document="lamp.md", span=LINE),
    Case("c2", "What does the sofa cost?", ("90 euros",), lang="en", document="sofa.md", span="costs 90 euros"),
]


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    root, folder = initialise(tmp_path / "ws"), tmp_path / "docs"
    folder.mkdir()
    (folder / "lamp.md").write_text(f"# Lamps\n\n{LINE}\n")
    (folder / "sofa.md").write_text("# Sofas\n\nThe sofa of the new station costs 90 euros in one shop.\n")
    engines = {"local": EchoEngine("30 euros")}
    with open_workspace(root, engines=engines, embedders={"minilm": WordEmbedder()}, environ={}) as ws:
        add(ws, folder)
        yield ws


def test_a_removed_document_leaves_figures_and_no_words(ws: Workspace) -> None:
    before = compare(ws, CASES, Design(arms=("knowledge",), top_k=1), name="shop")
    assert any(CANARY in text for _, text in before.texts.values())
    assert remove(ws, "lamp.md").erased
    after = report_of(ws, "shop")
    for arm in ("base", "knowledge"):
        assert after.arm(arm).quality == before.arm(arm).quality  # no case goes missing because of what it was asked
    assert after.recommendation == before.recommendation
    files = [f for f in ws.root.rglob("*") if f.is_file()]
    assert [f.name for f in files if CANARY.encode() in f.read_bytes()] == []


def test_a_study_under_a_new_name_is_found_by_it(ws: Workspace) -> None:
    first = compare(ws, CASES, Design(arms=("base",)), name="spring")
    assert compare(ws, CASES, Design(arms=("base",)), name="autumn").name == "autumn"
    assert report_of(ws, "autumn").id == first.id


def test_what_is_learnt_from_lies_in_no_file_when_it_is_learnt(ws: Workspace, tmp_path: Path) -> None:
    """Removing a document takes its examples from the sets; a file beside the database would keep them."""
    (made := tmp_path / "made").mkdir()
    (made / "adapter.txt").write_text("learnt")
    artefacts.put(ws.store, ws.root, ws.scope, kind="adapter", name="study-1-seed1", folder=made, meta={})
    design = Design(seeds=1)
    rows = [Example("e1", (Message("user", f"What is the {CANARY}?"), Message("assistant", "A bird.")))]
    (found,) = adapters(ws, "study-1", stock_of(ws, CASES, design), rows, design, tell=silent)
    assert found.files
    files = [f for f in ws.root.rglob("*") if f.is_file() and f.suffix == ".jsonl"]
    assert files == []
