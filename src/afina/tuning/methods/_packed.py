"""Reading packs with a transformers model: no padding, shared beginnings, and only what the loss needs.

Each trick is generic: attention is swapped through transformers' attention interface, the head computes logits only
where there is something to learn, and LoRA layers add their product in place instead of through temporaries.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface

from afina.tuning.packing import Pack

ATTENTION = "afina_packed"
PLAIN_UP_TO = 640
"""Tokens of a pack up to which attention is computed as plain products; beyond, their memory would grow too large."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Packs laid end to end.

    ids, positions: (1, tokens) int64. learnt: (answers,) int64 places whose next token is to be learnt.
    targets: (answers,) int64.
    spans: (start, end, mask) of each pack; mask (length, length) additive, None where plain causal is right.
    """

    ids: Tensor
    positions: Tensor
    learnt: Tensor
    targets: Tensor
    spans: tuple[tuple[int, int, Tensor | None], ...]


def batch_of(packs: Sequence[Pack], *, device: torch.device, dtype: torch.dtype) -> Batch:
    """Packs as tensors."""
    ids: list[int] = []
    positions: list[int] = []
    learnt: list[int] = []
    targets: list[int] = []
    spans: list[tuple[int, int, Tensor | None]] = []
    for pack in packs:
        start = len(ids)
        ids += pack.rows[0].ids[: pack.prefix]
        positions += range(pack.prefix)
        for row in pack.rows:
            shift = len(ids) - pack.prefix
            learnt += range(shift + row.prompt - 1, shift + len(row.ids) - 1)
            targets += row.answer
            # The last token of a row predicts nothing that is learnt, so it is not read.
            ids += row.ids[pack.prefix : -1]
            positions += range(pack.prefix, len(row.ids) - 1)
        spans.append((start, len(ids), _mask_of(pack, device, dtype)))
    return Batch(
        torch.tensor([ids], device=device),
        torch.tensor([positions], device=device),
        torch.tensor(learnt, device=device),
        torch.tensor(targets, device=device),
        tuple(spans),
    )


def _mask_of(pack: Pack, device: torch.device, dtype: torch.dtype) -> Tensor | None:
    """0 where a token may look, -inf elsewhere: the common beginning and its own branch, never ahead."""
    if len(pack.rows) == 1:
        return None
    lengths = [pack.prefix, *(len(row.ids) - 1 - pack.prefix for row in pack.rows)]
    branch = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    seen = (branch[None, :] == 0) | (branch[None, :] == branch[:, None])
    seen &= torch.ones(len(branch), len(branch), dtype=torch.bool).tril()
    return torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, float("-inf")).to(device)


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    spans: tuple[tuple[int, int, Tensor | None], ...] | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Attention of each pack by itself. query (1, heads, tokens, size) -> (1, tokens, heads, size).

    Raises:
        NotImplementedError: the model's attention has a window, a cap or sinks, which this one has not.
    """
    special = [name for name in ("sliding_window", "softcap", "s_aux") if more.get(name) is not None]
    if special:
        raise NotImplementedError(f"attention with {', '.join(special)}")
    parts = [
        _attended(query[:, :, start:end], key[:, :, start:end], value[:, :, start:end], mask, scaling)
        for start, end, mask in spans or ((0, query.shape[2], None),)
    ]
    whole = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
    return whole.transpose(1, 2), None


def _attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float | None) -> Tensor:
    """Attention of one pack; mask None is plain causal. On a CPU, plain matrix products beat the fused kernel up to
    some hundred tokens: 3.9 ms instead of 12 at 350 tokens, forward and backward, in bf16."""
    length, grouped = query.shape[2], query.shape[1] != key.shape[1]
    if query.device.type == "cpu" and length <= PLAIN_UP_TO:
        bias = _causal(length, query.dtype) if mask is None else mask
        return _plainly(query, key, value, bias, scaling or query.shape[3] ** -0.5)
    return functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=grouped
    )


def _plainly(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, scaling: float) -> Tensor:
    """query (1, heads, time, size), key and value (1, groups, time, size), bias (time, time) -> as query."""
    _, heads, length, size = query.shape
    groups = key.shape[1]
    asked = (query * scaling).reshape(groups, heads // groups * length, size)
    scores = torch.bmm(asked, key[0].transpose(1, 2)).view(heads, length, length)
    shares = torch.softmax(scores + bias, dim=-1).view(groups, heads // groups * length, length)
    return torch.bmm(shares, value[0]).view(1, heads, length, size)


@lru_cache(maxsize=8)
def _causal(length: int, dtype: torch.dtype) -> Tensor:
    ahead = torch.ones(length, length, dtype=torch.bool).triu(1)
    return torch.zeros(length, length, dtype=dtype).masked_fill_(ahead, float("-inf"))


AttentionInterface.register(ATTENTION, packed_attention)


class _LoraProduct(torch.autograd.Function):
    """x W' + bias + scale (x A') B', with the second product added in place and W left without gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, frozen: tuple[Tensor, Tensor | None, float], down: Tensor, up: Tensor) -> Tensor:
        weight, bias, scale = frozen
        flat = x.reshape(-1, x.shape[-1])
        small = flat @ down.t()
        out = functional.linear(flat, weight, bias)
        out.addmm_(small, up.t(), alpha=scale)
        ctx.save_for_backward(flat, weight, down, up, small)
        ctx.scale, ctx.shape = scale, x.shape
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        flat, weight, down, up, small = ctx.saved_tensors
        grad = grad.reshape(-1, grad.shape[-1])
        grad_small = (grad @ up).mul_(ctx.scale)
        grad_up = (grad.t() @ small).mul_(ctx.scale)
        grad_down = grad_small.t() @ flat
        if not ctx.needs_input_grad[0]:
            return None, None, grad_down, grad_up
        grad_x = (grad @ weight).addmm_(grad_small, down)
        return grad_x.view(ctx.shape), None, grad_down, grad_up


def _fast_forward(layer: Any, name: str, x: Tensor) -> Tensor:
    base = layer.base_layer
    frozen = (base.weight, base.bias, layer.scaling[name])
    weights = (layer.lora_A[name].weight, layer.lora_B[name].weight)
    out: Tensor = _LoraProduct.apply(x, frozen, *weights)  # type: ignore[no-untyped-call]
    return out


def speed_up(model: nn.Module, *, adapter: str = "default") -> None:
    """Let every plain LoRA layer of a PEFT model compute by `_LoraProduct`; the model is changed in place."""
    for layer in model.modules():
        if isinstance(layer, LoraLinear) and isinstance(layer.base_layer, nn.Linear):
            layer.forward = partial(_fast_forward, layer, adapter)


@contextmanager
def _only_at(head: nn.Module, places: Tensor) -> Iterator[None]:
    """The head sees only these places of the sequence: hidden (1, tokens, size) -> (1, places, size)."""
    hook = head.register_forward_pre_hook(lambda _, args: (args[0][:, places], *args[1:]))
    try:
        yield
    finally:
        hook.remove()


def packed_losses(model: Any, batch: Batch) -> Tensor:
    """Cross-entropy of each answer token, (answers,) float32, in the order of packs, rows and tokens."""
    with _only_at(model.get_output_embeddings(), batch.learnt):
        logits = model(input_ids=batch.ids, position_ids=batch.positions, use_cache=False, spans=batch.spans).logits[0]
    return functional.cross_entropy(logits.float(), batch.targets, reduction="none")


def plain_losses(model: Any, packs: Sequence[Pack], *, device: torch.device) -> Tensor:
    """The same the slow way: one row after the other through the model as it comes."""
    losses: list[Tensor] = []
    for row in (row for pack in packs for row in pack.rows):
        ids = torch.tensor([row.ids], device=device)
        logits = model(input_ids=ids, use_cache=False).logits[0, row.prompt - 1 : -1]
        losses.append(functional.cross_entropy(logits.float(), ids[0, row.prompt :], reduction="none"))
    return torch.cat(losses)
