"""What the certificate is for: OpenVINO GenAI misreads the bundled Q4_1 file, and its text still looks fluent."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("transformers")
pytest.importorskip("openvino_genai")
pytest.importorskip("gguf")

import openvino_genai

from afina.config import cache_folder
from afina.contracts import Place
from afina.engines import openvino, transformers
from afina.engines.bases._folder import Bases
from afina.engines.bases.bundled import bundled_file, materialise_bundled
from afina.errors import NotFound
from afina.testing.engine_suite import run
from afina.trust.certificate import MEAN_BOUND, certify
from afina.trust.prompts import PROMPTS

EVERY_THIRD = PROMPTS[::3]


def no_adapter(digest: str) -> Path:
    raise NotFound(f'no adapter is called "{digest}"')


@pytest.fixture(scope="module")
def bases() -> Bases:
    try:
        bundled_file()
    except NotFound as missing:
        pytest.skip(str(missing))
    return materialise_bundled(cache_folder(os.environ))


@pytest.fixture(scope="module")
def reference(bases: Bases) -> Iterator[transformers.TransformersEngine]:
    options = transformers.Options(dtype="float32", device="cpu")
    engine = transformers.build(options, Place(bases.base, None, no_adapter, bases.base.parent))
    yield engine
    run(engine.close())


@pytest.mark.slow
def test_the_misread_file_fails(bases: Bases, reference: transformers.TransformersEngine, tmp_path: Path) -> None:
    """The original file, loaded directly."""
    original = shutil.copy(bundled_file(), tmp_path / "original.gguf")
    openvino_genai.Tokenizer(str(original), enable_save_ov_model=True)  # both write what they made beside the file
    settings = openvino_genai.SchedulerConfig()
    settings.num_kv_blocks = 4
    openvino_genai.ContinuousBatchingPipeline(str(original), settings, "CPU", {"enable_save_ov_model": True})
    engine = openvino.build(openvino.Options(), Place(bases.base, tmp_path, no_adapter, tmp_path))
    certificate = run(certify(engine, reference, artefact=engine.card.base, prompts=EVERY_THIRD), limit_s=280)
    run(engine.close())
    print(certificate.summary)
    assert not certificate.passed
    assert certificate.figures.mean_error > 3 * MEAN_BOUND
    assert len(certificate.reasons) >= 3


@pytest.mark.slow
def test_the_same_file_materialised_passes(bases: Bases, reference: transformers.TransformersEngine) -> None:
    engine = openvino.build(openvino.Options(), Place(bases.base, bases.serving, no_adapter, bases.base.parent))
    certificate = run(certify(engine, reference, artefact=engine.card.base, prompts=EVERY_THIRD), limit_s=280)
    run(engine.close())
    print(certificate.summary)
    assert certificate.passed, certificate.summary
    assert certificate.figures.mean_error < MEAN_BOUND / 2
