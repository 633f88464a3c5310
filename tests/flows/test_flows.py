"""The four flows, each one way from the edge down and back: ask, tune, compare, improve."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from afina.actions.compare import compare
from afina.actions.ingest import add
from afina.actions.initialise import initialise
from afina.actions.tune import tune
from afina.domain.example import Case
from afina.store import recipes, runs
from afina.testing.echo import EchoEngine
from afina.testing.fakes import WordEmbedder
from afina.testing.serving import serving
from afina.testing.tiny import write_tiny_model
from afina.workspace import Workspace, open_workspace

LEASE = "# Lease\n\nThe lease of the mill costs 40 euros a month. The miller pays it on Mondays.\n"
CASES = [Case(f"c{n}", "What does the lease of the mill cost?", ("40 euros",), group=f"g{n}") for n in range(8)]


MOST_S = 10.0
"""What all flows of this file may take together, fixtures included: what is slow is not run often."""


@pytest.fixture(scope="module", autouse=True)
def within_time() -> Iterator[None]:
    """Holds the flows to MOST_S: the last of them fails if together they took longer."""
    started = time.monotonic()
    yield
    took = time.monotonic() - started
    assert took <= MOST_S, f"the flows took {took:.1f} s together, more than {MOST_S:g} s"


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    root = initialise(tmp_path / "ws")
    engine = EchoEngine({"[1]": "40 euros"})
    with open_workspace(root, engines={"local": engine}, embedders={"minilm": WordEmbedder()}, environ={}) as ws:
        (tmp_path / "lease.md").write_text(LEASE)
        add(ws, tmp_path / "lease.md")
        yield ws


def test_ask(ws: Workspace) -> None:
    with serving(ws) as served:
        question: Any = [{"role": "user", "content": "What does the lease of the mill cost?"}]
        reply = served.client().chat.completions.create(model="documents", messages=question)
    message: Any = reply.choices[0].message
    assert message.content == "40 euros"
    assert [s["document"] for s in message.afina["sources"]] == ["lease.md"]
    assert [c["quote"] for c in message.afina["citations"]] == ["40 euros"]
    run = runs.find(ws.store, ws.scope, message.afina["run_id"])
    assert run.body["passages"][0]["id"].startswith("psg-")
    assert "lease of the mill" not in json.dumps(run.body)


def test_compare_then_improve_and_roll_back(ws: Workspace) -> None:
    """Improving is a candidate that a comparison prefers, and an alias that moves to it, and back."""
    report = compare(ws, CASES)
    assert report.recommendation.arm == "knowledge"
    for name in ("base", "knowledge"):
        recipes.put(ws.store, ws.scope, recipes.recipe_of(f"mill-{name}", report.arm(name).recipe))
    recipes.point(ws.store, ws.scope, "mill", "mill-base")
    before = ws.recipe("mill").digest
    recipes.point(ws.store, ws.scope, "mill", "mill-knowledge")
    assert ws.recipe("mill").gather[-1].use == "knowledge"
    recipes.point(ws.store, ws.scope, "mill", "mill-base")
    assert ws.recipe("mill").digest == before


def test_tune(tmp_path: Path) -> None:
    """The one flow that needs weights: a model of two layers."""
    root = initialise(tmp_path / "tiny")
    write_tiny_model(root / "base", context_tokens=512)
    (root / "afina.toml").write_text('[engines.local]\nuse = "transformers"\nmodel = "base"\ndevice = "cpu"\n')
    rows = tmp_path / "rows.jsonl"
    turns = ("user", "The red boat left. How many?"), ("assistant", "seven")
    row = {"messages": [{"role": role, "content": text} for role, text in turns]}
    rows.write_text("\n".join(json.dumps({**row, "group": str(n)}) for n in range(12)))
    options = {"rank": 4, "learning_rate": 5e-3, "epochs": 4, "batch_rows": 4, "dtype": "float32", "device": "cpu"}
    with open_workspace(root, environ={}) as ws:
        adapter = tune(ws, rows, name="boats", options=options, held_out=0.0, apart=False)
        assert adapter.meta["data"]["rows"] == 12
        assert ws.recipe("boats").adapter in ("boats", adapter.digest)
        assert ws.answerer("boats")
