"""The materialised bundled model: what is written, what is refused, and that it is the same model."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from afina.domain.artefact import artefact_digest
from afina.engines.bases import bundled
from afina.engines.bases._folder import Bases, broken, files_in, made_once, recorded
from afina.engines.bases._vocabulary import tokenizer_of
from afina.engines.bases._weights import rounded, unrotated, write_safetensors
from afina.engines.bases.gguf import materialise
from afina.errors import BadRequest, NotFound


@pytest.fixture(scope="module")
def bases() -> Iterator[Bases]:
    try:
        yield bundled.materialise_bundled(Path(os.environ.get("AFINA_CACHE") or "~/.cache/afina").expanduser())
    except NotFound as missing:
        pytest.skip(str(missing))


def test_the_folders_are_named_by_their_files(bases: Bases) -> None:
    assert artefact_digest(files_in(bases.base)) == bases.base_digest == bases.base.name
    assert {p.name for p in bases.base.iterdir()} == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    assert (bases.serving / "openvino_model.xml").is_file()


def test_every_product_has_a_name(bases: Bases) -> None:
    graph = (bases.serving / "openvino_model.xml").read_text()
    assert graph.count("ov_ext::linear/MatMul") == 7 * 30 + 1
    assert '"__module.model.layers.29.mlp.down_proj/ov_ext::linear/MatMul"' in graph


def test_tokens_of_spaces_before_digits(bases: Bases) -> None:
    """A rule that looks at spaces before it sets digits apart would give two tokens of one space."""
    tokenizer = Tokenizer.from_file(str(bases.base / "tokenizer.json"))
    assert tokenizer.encode("a  1", add_special_tokens=False).tokens == ["a", "ĠĠ", "1"]
    text = "¿Cuántos años? don't 3.14 日本語 👩‍👩‍👧\n\n  <|im_end|>"
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text
    assert ids[-1] == json.loads((bases.base / "config.json").read_text())["eos_token_id"]


def test_rounding_is_to_nearest_even() -> None:
    given = np.array([1.0, 1.00390625, 1.01171875, -1.0039065, 0.0], dtype=np.float32)
    assert rounded(given).tolist() == [1.0, 1.0, 1.015625, -1.0078125, 0.0]


def test_rows_are_unrotated_by_hand() -> None:
    """Two heads of four rows: pairs (0,1), (2,3) of the interleaved order become halves (0,2), (1,3)."""
    rows = np.arange(8, dtype=np.float32)[:, None]
    assert unrotated(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_safetensors_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    tensors = {"b": np.ones((2, 3), np.float32), "a": np.zeros(4, np.float32)}
    for name in ("one", "two"):
        write_safetensors(tmp_path / name, tensors)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def _make(base: Path, serving: Path, scratch: Path) -> None:
    (base / "x").write_text("base")
    (serving / "y").write_text("serving")
    (scratch / "z").write_text("gone")


def test_made_once_then_checked_then_mended(tmp_path: Path) -> None:
    made = made_once(tmp_path, "k", make=_make)
    assert recorded(tmp_path, "k") == made
    before = (made.base / "x").stat().st_mtime_ns
    assert made_once(tmp_path, "k", make=_make) == made
    assert (made.base / "x").stat().st_mtime_ns == before
    (made.base / "x").write_text("bAse")
    assert broken(tmp_path, "k") == [str(made.base / "x")]
    assert made_once(tmp_path, "k", make=_make) == made
    assert not broken(tmp_path, "k")
    assert sorted(p.name for p in (tmp_path / "bases").iterdir()) == sorted(
        ["k.json", made.base_digest, made.serving_digest]
    )


def test_what_cannot_be_read_faithfully_is_refused(tmp_path: Path) -> None:
    (tmp_path / "not.gguf").write_bytes(b"no such thing" * 10)
    with pytest.raises(BadRequest, match="not a readable GGUF"):
        materialise(tmp_path / "not.gguf", tmp_path)
    with pytest.raises(BadRequest, match="there is no GGUF"):
        materialise(tmp_path / "none.gguf", tmp_path)
    with pytest.raises(BadRequest, match='splitting rule "smolm"'):
        tokenizer_of({"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smolm"})
    with pytest.raises(BadRequest, match='kind "llama"'):
        tokenizer_of({"tokenizer.ggml.model": "llama"})


@pytest.mark.slow
def test_it_is_the_model_that_transformers_reads(bases: Bases) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    original = bundled.bundled_file()
    ours = transformers.AutoModelForCausalLM.from_pretrained(bases.base, dtype=torch.float32)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        original.parent, gguf_file=original.name, dtype=torch.float32,
        quantization_config=transformers.GgufConfig(dequantize=True),
    )  # fmt: skip
    reference = theirs.state_dict()
    for name, weights in ours.state_dict().items():
        assert torch.equal(weights, reference[name].to(torch.bfloat16).float()), name
    tokenizer = transformers.AutoTokenizer.from_pretrained(bases.base)
    ids = tokenizer(
        "The capital of France is Paris, and its history goes back two thousand years.", return_tensors="pt"
    )
    with torch.no_grad():
        gap = (ours(**ids).logits - theirs(**ids).logits).abs()
    assert gap.mean() < 0.05
