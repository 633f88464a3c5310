"""Bases from a GGUF file: dequantised faithfully once, rounded to bfloat16, and written for both readers.

The base folder is Hugging Face format (safetensors, tokenizer, config) for tuning and the reference engine; the
serving folder holds OpenVINO graphs of the same numbers. Needs the extra "openvino"; torch is not needed.
Not here: repositories in safetensors (they already are bases), and families other than Llama, Qwen2 and Qwen3.
"""

from functools import partial
from pathlib import Path

from afina.domain.progress import Progress, Tell, silent
from afina.engines.bases._folder import Bases, broken, made_once, sha256_of
from afina.engines.bases._graph import write_graph
from afina.engines.bases._vocabulary import write_json, write_tokenizer
from afina.engines.bases._weights import (
    config_of,
    dense_tensors,
    hub_tensors,
    metadata_of,
    opened,
    write_gguf,
    write_safetensors,
)
from afina.errors import BadRequest

FORMAT = 1
"""Grows when the same GGUF file would give other bytes."""

STAGE = "preparing the model"


def materialise(gguf: Path, cache: Path, *, tell: Tell = silent) -> Bases:
    """Both folders for a GGUF file, made once per `cache` and checked by hash when they are there already.

    Raises:
        BadRequest: the file cannot be read faithfully; says why.
        StoreError: the cache cannot be written.
    """
    if not gguf.is_file():
        raise BadRequest(f"there is no GGUF file at {gguf}")
    key = key_of(sha256_of(gguf))
    for name in broken(cache, key):
        tell(Progress(STAGE, note=f"{name} is not what was written there; it is made again"))
    return made_once(cache, key, make=partial(_make, gguf, tell))


def key_of(sha256: str) -> str:
    return f"gguf-{sha256[:32]}-f16-{FORMAT}"


def _make(gguf: Path, tell: Tell, base: Path, serving: Path, scratch: Path) -> None:
    reader = opened(gguf)
    metadata = metadata_of(reader)
    write_tokenizer(base, metadata)
    tensors = {}
    for done, (name, dense) in enumerate(dense_tensors(reader)):
        tensors[name] = dense
        tell(Progress(STAGE, done / len(reader.tensors), 3, "steps"))
    hub = hub_tensors(tensors, metadata)
    config = config_of(metadata, list(hub))
    write_json(base / "config.json", config)
    write_safetensors(base / "model.safetensors", hub)
    tell(Progress(STAGE, 1, 3, "steps"))
    between = scratch / "dense.gguf"
    write_gguf(between, tensors, reader)
    tell(Progress(STAGE, 2, 3, "steps"))
    write_graph(between, serving, matrices=7 * int(config["num_hidden_layers"]) + 1)
    tell(Progress(STAGE, 3, 3, "steps"))
