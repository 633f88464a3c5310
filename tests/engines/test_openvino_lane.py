"""Which adapter a lane believes its pipeline to answer with; the pipeline is one that only notes what it is told."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openvino_genai")

from afina.engines._openvino_lane import Lane, Request
from afina.engines._peft_file import empty_adapter, linear_shapes
from afina.errors import BrokenArtefact, EngineError

TINY = {"hidden_size": 4, "intermediate_size": 4, "num_attention_heads": 1, "num_hidden_layers": 1}
SETTINGS = {"max_new_tokens": 4, "stop_token_ids": []}


class Noted:
    """A pipeline that takes the adapter it is given, even where it then fails. Adapters are told by their scale."""

    def __init__(self) -> None:
        self.on = 0.0
        self.switches = 0
        self.fails = False
        self.started: list[tuple[int, float]] = []

    def has_non_finished_requests(self) -> bool:
        return False

    def generate(self, prompts: list[Any], settings: list[Any]) -> None:
        self.switches += 1
        self.on = sum(alpha for _, alpha in settings[0].adapters.get_adapters_and_alphas())
        if self.fails:
            raise RuntimeError("Check 'ok' failed\nout of memory")

    def add_request(self, id: int, ids: Any, settings: Any) -> object:
        self.started.append((id, self.on))
        return object()


class NotedLane(Lane):
    """A lane for adapters over `Noted`."""

    def __post_init__(self) -> None:
        self._pipeline = self.pipeline = Noted()


@pytest.fixture
def lane() -> NotedLane:
    return NotedLane(serving="", properties={}, config=TINY, blocks=100, adapted=True)


def wanting(id: int, folder: Path, *, scale: int) -> Request:
    """A request for an adapter of rank 1 in a folder of its own, written if it is not there."""
    place = folder / f"adapter-{scale}"
    if not place.exists():
        place.mkdir()
        (place / "adapter_model.safetensors").write_bytes(empty_adapter(linear_shapes(TINY)))
        (place / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 1, "lora_alpha": scale}))
    return Request(id, [1, 2], dict(SETTINGS), (str(scale) * 64, str(place)))


def test_after_a_switch_that_failed_nobody_is_answered_with_what_may_be_on(lane: NotedLane, tmp_path: Path) -> None:
    lane.waiting.append(wanting(1, tmp_path, scale=3))
    assert list(lane.admit()) == []
    assert lane.pipeline.started == [(1, 3.0)]
    lane.running.clear()
    lane.waiting.extend([wanting(2, tmp_path, scale=5), wanting(3, tmp_path, scale=3)])
    lane.pipeline.fails = True
    lost = list(lane.admit())
    assert [(request.id, type(error)) for request, error in lost] == [(2, EngineError)]
    assert lane.pipeline.on == 5.0
    lane.pipeline.fails = False
    assert list(lane.admit()) == []
    assert lane.pipeline.started == [(1, 3.0), (3, 3.0)]


def test_an_adapter_that_cannot_be_read_leaves_the_one_that_is_on(lane: NotedLane, tmp_path: Path) -> None:
    lane.waiting.append(wanting(1, tmp_path, scale=3))
    assert list(lane.admit()) == []
    lane.running.clear()
    broken = wanting(2, tmp_path, scale=5)
    (tmp_path / "adapter-5" / "adapter_model.safetensors").unlink()
    lane.waiting.extend([broken, wanting(3, tmp_path, scale=3)])
    assert [type(error) for _, error in lane.admit()] == [BrokenArtefact]
    assert lane.pipeline.started == [(1, 3.0), (3, 3.0)]
    assert lane.pipeline.switches == 1
