"""Teacher forcing on a transformers model: how probable it finds given continuations, in batches."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from afina.contracts import Scored
from afina.engines._torch_model import TorchModel

BATCH_TOKENS = 1024
"""The most tokens, padding counted, of one batch of scoring: a few seconds on two cores for a small model."""


@dataclass(frozen=True, slots=True)
class Pair:
    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def tokens(self) -> int:
        return len(self.prompt) + len(self.answer)


def forced(model: TorchModel, pairs: Sequence[Pair], *, adapter: str | None) -> list[Scored]:
    """Score one batch of continuations, in the order given."""
    with model.using(adapter):
        logits = _logits(model, pairs)
    return [_scored(pair, rows[-len(pair.answer) - 1 : -1]) for pair, rows in zip(pairs, logits, strict=True)]


def batches(pairs: Sequence[Pair]) -> list[list[int]]:
    """Indices in batches of at most BATCH_TOKENS, longest first, so that the largest need of memory comes at once."""
    batches: list[list[int]] = []
    for at in sorted(range(len(pairs)), key=lambda at: -pairs[at].tokens):
        if batches and (len(batches[-1]) + 1) * pairs[batches[-1][0]].tokens <= BATCH_TOKENS:
            batches[-1].append(at)
        else:
            batches.append([at])
    return batches


def _logits(model: TorchModel, pairs: Sequence[Pair]) -> Tensor:
    """(pairs, longest answer + 1, vocabulary): left padding puts every answer at the end."""
    longest = max(p.tokens for p in pairs)
    pads = [longest - p.tokens for p in pairs]
    device = model.model.device
    ids = torch.tensor([[0] * pad + [*p.prompt, *p.answer] for pad, p in zip(pads, pairs, strict=True)], device=device)
    mask = torch.tensor([[0] * pad + [1] * (longest - pad) for pad in pads], device=device)
    out = model.now(
        input_ids=ids,
        attention_mask=mask,
        position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
        use_cache=False,
        logits_to_keep=max(len(p.answer) for p in pairs) + 1,
    )
    return out.logits  # type: ignore[no-any-return]


def _scored(pair: Pair, logits: Tensor) -> Scored:
    """logits: (answer, vocabulary), row i is what the model expected at answer token i."""
    logits = logits.float()
    logprobs = torch.log_softmax(logits, dim=-1)
    own = logprobs.gather(1, torch.tensor(pair.answer, device=logits.device)[:, None])[:, 0]
    two = logits.topk(2, dim=-1)
    best = two.indices[:, 0]
    return Scored(
        prompt_ids=pair.prompt,
        ids=pair.answer,
        logprobs=tuple(own.tolist()),
        best=tuple(best.tolist()),
        best_logprobs=tuple(logprobs.gather(1, best[:, None])[:, 0].tolist()),
        gaps=tuple((two.values[:, 0] - two.values[:, 1]).tolist()),
    )
