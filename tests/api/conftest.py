"""A workspace on the echo engine, served on a real socket."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from afina.actions.initialise import initialise
from afina.api.app import MAX_RUNS
from afina.api.auth import Access
from afina.contracts import Retriever
from afina.testing.echo import EchoEngine
from afina.testing.fakes import ListPassages, WordEmbedder, WordRetriever, document_of
from afina.testing.serving import Serving, serving
from afina.workspace import Workspace, open_workspace


@pytest.fixture
def stored() -> ListPassages:
    shelf = ListPassages()
    shelf.put(document_of("leave.md", "Parents get sixteen weeks of leave."))
    shelf.put(document_of("travel.md", "Trains are booked by the office."))
    return shelf


@pytest.fixture
def serve(tmp_path: Path, stored: ListPassages, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Serving]]:
    """serve(engine, toml=..., access=..., max_runs=...) -> a server that takes requests."""

    def retriever(self: Workspace, collection: str = "docs") -> Retriever:
        return WordRetriever(stored, collection)

    monkeypatch.setattr(Workspace, "retriever", retriever, raising=False)
    with ExitStack() as up:

        def start(
            engine: EchoEngine | None = None,
            *,
            toml: str = "",
            access: Access | None = None,
            max_runs: int = MAX_RUNS,
        ) -> Serving:
            root = initialise(tmp_path / "ws")
            (root / "afina.toml").write_text((root / "afina.toml").read_text() + toml)
            ws = open_workspace(
                root, environ={}, engines={"local": engine or EchoEngine()}, embedders={"minilm": WordEmbedder()}
            )
            up.callback(ws.close)
            return up.enter_context(serving(ws, access=access, max_runs=max_runs))

        yield start
