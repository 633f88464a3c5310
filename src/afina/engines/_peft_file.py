"""LoRA adapters in PEFT format, checked and in float32: what OpenVINO reads, and would otherwise ignore in silence.

Torch is not needed. Source: the PEFT checkpoint format and the safetensors format description.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.engines._weights_on_disk import check_adapter
from afina.errors import BrokenArtefact, Unsupported

PREFIX = "base_model.model."
SIDES = ("lora_A", "lora_B")
SIZES = {"F32": 4, "F16": 2, "BF16": 2}
UNTOLD = {"use_dora": "DoRA", "modules_to_save": "whole modules", "bias": "biases", "rank_pattern": "several ranks",
          "alpha_pattern": "several alphas", "lora_bias": "biases", "layer_replication": "replicated layers",
          "trainable_token_indices": "tuned tokens", "fan_in_fan_out": "transposed weights",
          "alora_invocation_tokens": "activated LoRA"}  # fmt: skip
"""Settings of adapter_config.json that the runtime has no counterpart for, and what they are."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """scale: what the product of the two matrices is multiplied by. modules: 'model.layers.0.self_attn.q_proj', ..."""

    folder: Path
    scale: float
    modules: frozenset[str]


def checked_adapter(folder: Path, *, known: frozenset[str]) -> Adapter:
    """A LoRA adapter all of whose matrices have a place in a graph with these modules.

    Raises:
        BrokenArtefact: it cannot be read, or is not what its settings say.
        Unsupported: it is of another kind, or changes modules that are not there.
    """
    config = check_adapter(folder)
    if config.get("peft_type") != "LORA":
        raise _cannot(f"of the kind {config.get('peft_type')}")
    for key, what in UNTOLD.items():
        if config.get(key) not in (None, False, "none", {}, []):
            raise _cannot(f"with {what} ({key})")
    header, _ = _header(folder / "adapter_model.safetensors")
    modules = frozenset(_module(name) for name in header)
    if unknown := sorted(modules - known):
        raise _cannot(f"for {unknown[0]}, which this model does not have as a linear layer")
    try:
        rank, alpha = int(config["r"]), float(config["lora_alpha"])
    except (KeyError, TypeError, ValueError) as missing:
        raise BrokenArtefact(f"{folder / 'adapter_config.json'} has no usable r and lora_alpha") from missing
    return Adapter(folder, alpha / (math.sqrt(rank) if config.get("use_rslora") else rank), modules)


def float32_bytes(folder: Path) -> bytes:
    """The adapter's safetensors file with every tensor in float32, as bytes."""
    path = folder / "adapter_model.safetensors"
    header, start = _header(path)
    data = np.fromfile(path, dtype=np.uint8, offset=start)
    head: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    parts: list[bytes] = []
    end = 0
    for name in sorted(header):
        first, last = header[name]["data_offsets"]
        wide = _wide(data[first:last], header[name]["dtype"]).tobytes()
        head[name] = {"dtype": "F32", "shape": header[name]["shape"], "data_offsets": [end, end + len(wide)]}
        parts.append(wide)
        end += len(wide)
    return _joined(head, parts)


def empty_adapter(shapes: dict[str, tuple[int, int]]) -> bytes:
    """Rank-1 matrices of zeros for each module -> (out, in): an adapter that changes nothing, as a safetensors file."""
    head: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for module, (out, into) in shapes.items():
        for side, shape in zip(SIDES, ((1, into), (out, 1)), strict=True):
            size = 4 * shape[0] * shape[1]
            head[f"{PREFIX}{module}.{side}.weight"] = {
                "dtype": "F32", "shape": list(shape), "data_offsets": [end, end + size],
            }  # fmt: skip
            end += size
    return _joined(head, [bytes(end)])


def linear_shapes(config: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Module -> (out, in) of every linear layer of a Llama-like model with this config.json, without the head."""
    hidden, wide, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    size = config.get("head_dim") or hidden // heads
    kv = size * (config.get("num_key_value_heads") or heads)
    one = {
        "self_attn.q_proj": (size * heads, hidden),
        "self_attn.k_proj": (kv, hidden),
        "self_attn.v_proj": (kv, hidden),
        "self_attn.o_proj": (hidden, size * heads),
        "mlp.gate_proj": (wide, hidden),
        "mlp.up_proj": (wide, hidden),
        "mlp.down_proj": (hidden, wide),
    }
    layers = range(config["num_hidden_layers"])
    return {f"model.layers.{layer}.{name}": shape for layer in layers for name, shape in one.items()}


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The tensors that a safetensors file declares, checked to lie inside it, and where their bytes start."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > min(path.stat().st_size, 100_000_000):
                raise ValueError("its header is longer than the file")
            header: dict[str, Any] = json.loads(file.read(length))
    except (OSError, ValueError) as broken:
        raise BrokenArtefact(f"{path} is not a safetensors file: {broken}") from broken
    header.pop("__metadata__", None)
    room = path.stat().st_size - 8 - length
    for name, tensor in header.items():
        first, last = tensor["data_offsets"]
        size = math.prod(tensor["shape"]) * SIZES.get(tensor["dtype"], 0)
        if not (0 <= first <= last <= room and size == last - first):
            raise BrokenArtefact(f"{path}: the tensor {name} ({tensor['dtype']}) is cut off or of no float type")
    return header, 8 + length


def _module(name: str) -> str:
    module, _, rest = name.removeprefix(PREFIX).partition(".lora_")
    if not name.startswith(PREFIX) or rest not in ("A.weight", "B.weight"):
        raise _cannot(f"with the tensor {name}")
    return module


def _wide(raw: NDArray[np.uint8], dtype: str) -> NDArray[np.float32]:
    if dtype == "BF16":
        return (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
    return raw.view("<f4" if dtype == "F32" else "<f2").astype(np.float32)


def _joined(header: dict[str, Any], parts: list[bytes]) -> bytes:
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return b"".join([len(head).to_bytes(8, "little"), head, *parts])


def _cannot(what: str) -> Unsupported:
    return Unsupported(f'the engine "openvino" cannot serve an adapter {what}; use "transformers"', param="model")
