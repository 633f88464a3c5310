"""The transformers engine on a CUDA device, in bfloat16: the contract, and a certificate against float32 on the CPU."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("transformers")

import torch

from afina.contracts import Engine, Place
from afina.engines.transformers import Options, build
from afina.testing.engine_suite import EngineConformance, run
from afina.testing.tiny import write_tiny_adapter, write_tiny_model
from afina.trust.certificate import certify

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("cuda")
    base = write_tiny_model(root / "base", context_tokens=2048)
    adapter = write_tiny_adapter(base, root / "adapter")
    return Place(base, None, lambda digest: adapter, root)


@pytest.fixture(scope="module")
def on_cuda(place: Place) -> Iterator[Engine]:
    engine = build(Options(device="cuda"), place)
    yield engine
    run(engine.close())


class TestConforms(EngineConformance):
    deterministic = False  # in bfloat16 the other rows of a batch can tip a near tie

    @pytest.fixture
    def engine(self, on_cuda: Engine) -> Engine:
        return on_cuda

    def test_an_unknown_adapter_is_not_found(self, engine: Engine) -> None:
        pytest.skip("this place has an adapter for every digest")


def test_it_is_certified_bare_and_with_an_adapter(on_cuda: Engine, place: Place) -> None:
    reference = build(Options(dtype="float32", device="cpu"), place)
    for adapter in (None, "a" * 64):
        certificate = run(certify(on_cuda, reference, artefact="a" * 64, adapter=adapter))
        assert certificate.passed, certificate.summary
    run(reference.close())


def test_the_device_is_used(on_cuda: Engine, place: Place) -> None:
    assert Path(place.base or "").is_dir()
    assert torch.cuda.memory_allocated() > 0
