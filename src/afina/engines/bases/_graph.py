"""The OpenVINO graph of a base, with matrix products named so that PEFT adapters find them.

OpenVINO GenAI matches LoRA tensors by the friendly names of MatMul nodes. Its GGUF reader leaves those anonymous
('MatMul_46'), and an adapter is then silently unused; it does name the weights, so the products are named after them.
"""

import re
from pathlib import Path
from typing import Any

import openvino
import openvino_genai

from afina.errors import EngineError

NAMED = "__module.{module}/ov_ext::linear/MatMul"
"""How OpenVINO's PyTorch front end would have called the product of `module`; the form its LoRA code expects."""


def write_graph(gguf: Path, folder: Path, *, matrices: int) -> None:
    """openvino_model and its tokenizers from an F16 GGUF file, in `folder`.

    Of a quantised file the reader leaves the weights anonymous too, and nothing could be named.

    matrices: how many products a layer stack of this size has (7 a layer, and the head).

    Raises:
        EngineError: the reader made a graph in which other than `matrices` products could be named.
    """
    # The reader writes what it made beside the file that it reads.
    openvino_genai.Tokenizer(str(gguf), enable_save_ov_model=True)
    settings = openvino_genai.SchedulerConfig()
    settings.num_kv_blocks = 4
    openvino_genai.ContinuousBatchingPipeline(str(gguf), settings, "CPU", {"enable_save_ov_model": True})
    source = gguf.parent
    model = openvino.Core().read_model(source / "openvino_model.xml")
    named = _name_products(model)
    if named != matrices:
        raise EngineError(f"the graph has {named} matrix products with known weights where {matrices} were expected")
    openvino.save_model(model, folder / "openvino_model.xml", compress_to_fp16=False)
    for name in ("openvino_tokenizer", "openvino_detokenizer"):
        for ending in (".xml", ".bin"):
            (source / f"{name}{ending}").replace(folder / f"{name}{ending}")


def _name_products(model: Any) -> int:
    named = 0
    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul":
            continue
        weight = _weight_above(node.input_value(1).get_node())
        if weight is not None:
            node.set_friendly_name(NAMED.format(module=_module(weight)))
            named += 1
    return named


def _weight_above(node: Any) -> str | None:
    """Name of the one weight constant that a chain of conversions starts from; None if it is not one."""
    while node.get_type_name() != "Constant":
        if node.get_input_size() == 0 or node.get_type_name() not in ("Convert", "Multiply", "Subtract", "Reshape"):
            return None
        node = node.input_value(0).get_node()
    name = str(node.get_friendly_name())
    return name if ".weight" in name else None


def _module(weight: str) -> str:
    """'model.layers[3].mlp.up_proj.weight' -> 'model.layers.3.mlp.up_proj'; tied embeddings multiply as the head."""
    module = re.sub(r"\[(\d+)\]", r".\1", weight).split(".weight")[0]
    return "lm_head" if module == "model.embed_tokens" else module
