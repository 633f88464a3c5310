"""A frozen base with a fresh adapter, on the device and in the number type that suit the machine."""

import time
import warnings
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from afina.errors import BadRequest
from afina.tuning.methods._chat import TokenizerChat
from afina.tuning.methods._packed import ATTENTION, batch_of, packed_losses, plain_losses
from afina.tuning.packing import Pack

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
AGREES = {torch.float32: 0.01, torch.bfloat16: 0.25}
"""Mean difference of answer-token losses, in nats, that rounding explains: measured 0.0001 and 0.08 where packing is
right, 2.6 where rows see each other."""


def device_of(wanted: str) -> torch.device:
    """'auto': CUDA where there is one, else the CPU.

    Raises:
        BadRequest: the device does not exist here.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise BadRequest(f'device "{wanted}": torch sees no CUDA device here; use "cpu" or "auto"', param="device")
    return torch.device(wanted)


def dtype_of(wanted: str, device: torch.device) -> torch.dtype:
    """'auto': bfloat16 where this machine multiplies it faster than float32, measured; else float32."""
    if wanted != "auto":
        return DTYPES[wanted]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return min((torch.float32, torch.bfloat16), key=_product_seconds)


def _product_seconds(dtype: torch.dtype) -> float:
    """The best of four matrix products of a size that tuning meets."""
    one, other = torch.ones(512, 768, dtype=dtype), torch.ones(768, 1024, dtype=dtype)
    best = float("inf")
    for _ in range(4):
        start = time.perf_counter()
        one @ other
        best = min(best, time.perf_counter() - start)
    return best


def load_chat(base: Path) -> TokenizerChat:
    return TokenizerChat(AutoTokenizer.from_pretrained(base))


def load_adapted(base: Path, config: LoraConfig, *, device: torch.device, dtype: torch.dtype, seed: int) -> Any:
    """The base with fresh LoRA layers in its own number type. Same seed, same start, on every device."""
    transformers_logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
    torch.manual_seed(seed)
    with warnings.catch_warnings():  # peft asks transformers for a property under its old name
        warnings.simplefilter("ignore", FutureWarning)
        adapted = get_peft_model(model, config, autocast_adapter_dtype=False)
    adapted.eval()
    for layer in adapted.modules():
        if isinstance(layer, LoraLayer):
            layer.lora_dropout.train()
    return adapted.to(device)


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters that learn, by name, in the model's order."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def as_saved(model: nn.Module, values: Tensor) -> dict[str, Tensor]:
    """A flat vector of adapter values under the names that PEFT reads."""
    saved: dict[str, Tensor] = {}
    place = 0
    for name, parameter in trained(model).items():
        size = parameter.numel()
        saved[name.replace(".default.", ".")] = values[place : place + size].view_as(parameter).cpu().contiguous()
        place += size
    return saved


def reads_packs(model: Any, packs: list[Pack], device: torch.device) -> bool:
    """Whether the model gives the same answer-token losses packed as row by row; leaves the way that is right.

    A model with positions or windows of its own, or one that hides its attention, answers no and is read row by row.
    """
    own = model.config._attn_implementation
    with torch.no_grad():
        plain = plain_losses(model, packs, device=device)
        try:
            model.get_base_model().set_attn_implementation(ATTENTION)
            dtype = next(model.parameters()).dtype
            packed = packed_losses(model, batch_of(packs, device=device, dtype=dtype))
            agrees = packed.shape == plain.shape and float((packed - plain).abs().mean()) <= AGREES[dtype]
        except (TypeError, ValueError, KeyError, NotImplementedError):
            agrees = False
    if not agrees:
        model.get_base_model().set_attn_implementation(own)
    return agrees
