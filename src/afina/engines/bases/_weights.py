"""GGUF weights as dense matrices under Hugging Face's names, and back to F16 GGUF from the same numbers.

Sources: the GGUF specification (ggml), the safetensors format description, and llama.cpp's conversion of Llama
checkpoints, which interleaves the rows of q and k for its rotary embedding; `unrotated` undoes that.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import dequantize, quantize
from numpy.typing import NDArray

from afina.errors import BadRequest

FAMILIES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
"""GGUF architecture -> transformers class. The same three that the OpenVINO reader knows."""

OUTSIDE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
INSIDE = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip

Metadata = Mapping[str, Any]


def opened(path: Path) -> GGUFReader:
    """A GGUF file of a family we can read.

    Raises:
        BadRequest: no GGUF, another family, or a variant (mixture of experts, scaled rotary embedding) that would
            be read wrongly.
    """
    try:
        reader = GGUFReader(path)
    except (ValueError, OSError) as broken:
        raise BadRequest(f"{path} is not a readable GGUF file: {broken}") from broken
    family = _value(reader, "general.architecture")
    if family not in FAMILIES:
        raise BadRequest(f'{path.name} is of the family "{family}"; bases are made of {", ".join(FAMILIES)} only')
    scaling = _value(reader, f"{family}.rope.scaling.type")
    unknown = [t.name for t in reader.tensors if _named(t.name) is None]
    if scaling not in (None, "none") or unknown:
        why = f"rotary scaling {scaling}" if scaling not in (None, "none") else f"the tensor {unknown[0]}"
        raise BadRequest(f"{path.name} has {why}, which is not supported; convert its safetensors instead")
    return reader


def metadata_of(reader: GGUFReader) -> dict[str, Any]:
    """All key-values of a GGUF file as Python values; arrays as lists."""
    return {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}


def _value(reader: GGUFReader, key: str) -> Any:
    field = reader.fields.get(key)
    return None if field is None else field.contents()


def _named(name: str) -> str | None:
    """'blk.3.attn_q.weight' -> 'model.layers.3.self_attn.q_proj.weight'; None for tensors we do not know."""
    *place, kind, what = name.split(".")
    if not place and kind in OUTSIDE:
        return f"{OUTSIDE[kind]}.{what}"
    if len(place) == 2 and place[0] == "blk" and kind in INSIDE:
        return f"model.layers.{place[1]}.{INSIDE[kind]}.{what}"
    return None


def rounded(dense: NDArray[np.float32]) -> NDArray[np.float32]:
    """The nearest bfloat16 of each number, ties to even, still held in float32."""
    bits = np.ascontiguousarray(dense, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


def dense_tensors(reader: GGUFReader) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """(GGUF name, weights rounded to bfloat16 held in float32), rows first, as the file orders its rows."""
    for tensor in reader.tensors:
        yield tensor.name, rounded(dequantize(tensor.data, tensor.tensor_type))


def unrotated(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of a Llama q or k projection from llama.cpp's interleaved order to Hugging Face's halves."""
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, half, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def hub_tensors(tensors: Mapping[str, NDArray[np.float32]], metadata: Metadata) -> dict[str, NDArray[np.float32]]:
    """Tensors under transformers' names and in its row order. A file without `output` has tied embeddings."""
    family = metadata["general.architecture"]
    heads = int(metadata[f"{family}.attention.head_count"])
    kv_heads = int(metadata.get(f"{family}.attention.head_count_kv", heads))
    found = {}
    for name, rows in tensors.items():
        if family == "llama" and ".attn_q." in name:
            rows = unrotated(rows, heads)  # noqa: PLW2901
        if family == "llama" and ".attn_k." in name:
            rows = unrotated(rows, kv_heads)  # noqa: PLW2901
        found[str(_named(name))] = rows
    return found


def write_safetensors(path: Path, tensors: Mapping[str, NDArray[np.float32]]) -> None:
    """One bfloat16 safetensors file, names sorted: the same numbers always give the same bytes.

    Only the one metadata key that transformers asks for: with more, their order would differ from run to run.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name in sorted(tensors):
        start, end = end, end + 2 * tensors[name].size
        header[name] = {"dtype": "BF16", "shape": list(tensors[name].shape), "data_offsets": [start, end]}
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with path.open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        for name in sorted(tensors):
            halves = np.ascontiguousarray(tensors[name]).view(np.uint32) >> 16
            file.write(halves.astype("<u2").tobytes())


def write_gguf(path: Path, tensors: Mapping[str, NDArray[np.float32]], reader: GGUFReader) -> None:
    """The same numbers as a GGUF file that the OpenVINO reader reads faithfully: matrices F16, the rest F32."""
    kind = GGMLQuantizationType.F16
    writer = GGUFWriter(path, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        element = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], element)
    writer.add_file_type(1)  # mostly F16
    for name, dense in tensors.items():
        if dense.ndim == 1:
            writer.add_tensor(name, dense)
        else:
            writer.add_tensor(name, quantize(dense, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def config_of(metadata: Metadata, names: Sequence[str]) -> dict[str, Any]:
    """transformers' config.json for a GGUF file with these keys and (hub) tensor names."""
    family = metadata["general.architecture"]

    def key(name: str) -> Any:
        return metadata[f"{family}.{name}"]

    heads = int(key("attention.head_count"))
    theta = _short(metadata.get(f"{family}.rope.freq_base", 10000.0))
    config = {
        "architectures": [FAMILIES[family]],
        "model_type": family,
        "attention_bias": family != "llama" and any(n.endswith("q_proj.bias") for n in names),
        "attention_dropout": 0.0,
        "bos_token_id": metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": metadata.get("tokenizer.ggml.eos_token_id"),
        "pad_token_id": metadata.get("tokenizer.ggml.padding_token_id"),
        "head_dim": int(metadata.get(f"{family}.attention.key_length", key("embedding_length") // heads)),
        "hidden_act": "silu",
        "hidden_size": int(key("embedding_length")),
        "intermediate_size": int(key("feed_forward_length")),
        "max_position_embeddings": int(key("context_length")),
        "num_attention_heads": heads,
        "num_hidden_layers": int(key("block_count")),
        "num_key_value_heads": int(metadata.get(f"{family}.attention.head_count_kv", heads)),
        "rms_norm_eps": _short(key("attention.layer_norm_rms_epsilon")),
        "rope_parameters": {"rope_type": "default", "rope_theta": theta},
        "tie_word_embeddings": "lm_head.weight" not in names,
        "dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": len(metadata["tokenizer.ggml.tokens"]),
    }
    return {name: value for name, value in config.items() if value is not None}


def _short(number: float) -> float:
    """The shortest decimal that is the same float32: 9.999999747378752e-06 is stored for 1e-05."""
    return float(str(np.float32(number)))
