"""Synthesising from a workspace: the served form of a question, documents kept apart, wrong names refused."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from afina.actions.ingest import add
from afina.actions.initialise import initialise
from afina.actions.synthesise import synthesise
from afina.domain.abstention import ANSWER_FORM, NOT_FOUND
from afina.errors import BadRequest, EmptyExamples, NotFound
from afina.tuning.data import load_examples
from afina.workspace import Workspace, open_workspace

TOWNS = ["Arlo", "Brema", "Cosk", "Dunby", "Elmet", "Farro", "Gant", "Hask", "Ilve", "Jarn", "Kolm", "Lund"]


class Plain:
    """An embedder for which all texts are alike, so that words decide."""

    name, digest, dim = "minilm", "plain", 2

    def embed(self, texts: Sequence[str], *, kind: str = "passage") -> NDArray[np.float32]:
        return np.tile(np.array([1, 0], dtype=np.float32), (len(texts), 1))

    def count(self, text: str) -> int:
        return len(text.split())


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    folder = tmp_path / "towns"
    folder.mkdir()
    for n, town in enumerate(TOWNS):
        (folder / f"{town}.md").write_text(
            f"# {town}\n\nThe town of {town} was founded in {1801 + n}. The mill of {town} has {20 + n} wheels.\n\n"
            f"The mayor of {town} is {town}bert Olsen. The bridge of {town} opens at {n + 6}:15.\n"
        )
    ws = open_workspace(initialise(tmp_path / "ws"), environ={}, embedders={"minilm": Plain()})
    add(ws, folder)
    return ws


def test_rows_are_what_the_model_sees_when_it_serves(ws: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    made = synthesise(ws, out=out, count=20)
    assert made.rows == 20
    assert made.unanswerable == 4
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    for row, example in zip(rows, load_examples(out), strict=True):
        system, user, answer = example.messages
        assert system.content == ANSWER_FORM["en"]
        assert user.content.startswith("[1] ")
        assert user.content.endswith(f"Question: {row['question']}")
        assert row["answerable"] == (answer.content != NOT_FOUND["en"])
        assert (f"] {row['document']}" in user.content) == row["answerable"]
    ws.close()


def test_the_held_out_file_is_about_other_documents(ws: Workspace, tmp_path: Path) -> None:
    out, held = tmp_path / "rows.jsonl", tmp_path / "held.jsonl"
    made = synthesise(ws, out=out, held_out=held, held_out_share=0.4, count=15)
    assert sum(made.documents) == 12
    assert made.held_out_rows > 0
    named = [{town for town in TOWNS if town in path.read_text()} for path in (out, held)]
    assert not named[0] & named[1]
    ws.close()


def test_only_named_documents_are_asked_about_and_shown(ws: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    synthesise(ws, out=out, documents=["Arlo.md", "Brema.md", "Cosk.md"], count=50)
    assert not any(town in out.read_text() for town in TOWNS[3:])
    with pytest.raises(NotFound, match=r'did you mean "Arlo.md"'):
        synthesise(ws, out=out, documents=["Arl.md"])
    ws.close()


def test_impossible_wishes(ws: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    with pytest.raises(BadRequest, match="count"):
        synthesise(ws, out=out, count=0)
    with pytest.raises(BadRequest, match="unanswerable"):
        synthesise(ws, out=out, unanswerable=1.0)
    with pytest.raises(EmptyExamples, match="afina add"):
        synthesise(ws, out=out, collection="none")
    assert not out.exists()
    ws.close()
