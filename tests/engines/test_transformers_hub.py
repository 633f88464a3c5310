"""A model by its hub name: fetched from a hub on loopback, only what is needed, and code in it refused."""

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

pytest.importorskip("transformers")

from huggingface_hub import constants

from afina.contracts import Place
from afina.engines.transformers import Options, build
from afina.errors import BrokenArtefact, ConfigError
from afina.testing.engine_suite import answered, asking, run
from afina.testing.tiny import write_tiny_model

COMMIT = "c0ffee" + "0" * 34


class Hub(ThreadingHTTPServer):
    """The routes of the hub that fetching a model needs, over folders by name."""

    daemon_threads = True
    models: dict[str, Path]
    fetched: list[str]


class Route(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = unquote(self.path.split("?")[0]).strip("/")
        for name, folder in self.server.models.items():
            if path.startswith(f"api/models/{name}/tree/"):
                return self._tree(folder)
            if path.startswith(f"api/models/{name}"):
                return self._listing(name, folder)
            file = folder / path.removeprefix(f"{name}/resolve/{COMMIT}/")
            if path.startswith(f"{name}/resolve/") and file.is_file():
                if body:
                    self.server.fetched.append(file.name)
                return self._send(file.read_bytes(), "application/octet-stream", body=body)
        return self._send(b'{"error": "not here"}', "application/json", status=404)

    def _listing(self, name: str, folder: Path) -> None:
        siblings = [{"rfilename": file.name} for file in sorted(folder.iterdir())]
        listing = {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}
        self._send(json.dumps(listing).encode(), "application/json")

    def _tree(self, folder: Path) -> None:
        rows = [
            {"type": "file", "path": f.name, "size": f.stat().st_size, "oid": hashlib.sha1(f.read_bytes()).hexdigest()}
            for f in sorted(folder.iterdir())
        ]
        self._send(json.dumps(rows).encode(), "application/json")

    def _send(self, data: bytes, kind: str, *, status: int = 200, body: bool = True) -> None:
        self.send_response(status)
        for header, value in {
            "content-type": kind,
            "content-length": str(len(data)),
            "etag": f'"{hashlib.sha1(data).hexdigest()}"',
            "x-repo-commit": COMMIT,
        }.items():
            self.send_header(header, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub(("127.0.0.1", 0), Route)
    hub.models, hub.fetched = {}, []
    threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    endpoint = f"http://127.0.0.1:{hub.server_address[1]}"  # as HF_ENDPOINT would set them, had it been set at import
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    yield hub
    hub.shutdown()
    hub.server_close()


def place(tmp_path: Path) -> Place:
    return Place(None, None, Path, tmp_path / "cache")


def test_a_hub_name_is_fetched_and_answers_as_the_folder_does(hub: Hub, tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "source")
    (folder / "pytorch_model.bin").write_bytes(b"not fetched")
    (folder / "modeling_tiny.py").write_text("raise SystemExit")
    hub.models["someone/tiny"] = folder
    engine = build(Options(model="someone/tiny"), place(tmp_path))
    assert engine.card.model == "someone/tiny"
    assert not {"pytorch_model.bin", "modeling_tiny.py"} & set(hub.fetched)
    local = build(Options(model=str(folder)), place(tmp_path))
    assert run(answered(engine, asking("q"))).text == run(answered(local, asking("q"))).text
    fetched = len(hub.fetched)
    again = build(Options(model="someone/tiny"), place(tmp_path))
    assert len(hub.fetched) == fetched, "it is fetched once"
    assert again.card.base == engine.card.base
    for opened in (engine, local, again):
        run(opened.close())


def test_a_hub_model_with_code_is_refused(hub: Hub, tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "source")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModelForCausalLM": "evil.Evil"}}))
    hub.models["someone/evil"] = folder
    with pytest.raises(BrokenArtefact, match="auto_map"):
        build(Options(model="someone/evil"), place(tmp_path))


def test_what_the_hub_has_not_is_said(hub: Hub, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    with pytest.raises(ConfigError, match="neither a folder nor a model"):
        build(Options(model="someone/missing"), place(tmp_path))
    with pytest.raises(ConfigError, match="neither a folder nor a model"):
        build(Options(model="not a name at all"), place(tmp_path))
