"""How the next token is chosen from logits: bias, penalties, temperature, nucleus, seed."""

from collections import Counter

import torch
from torch import Tensor

from afina.domain.ask import Sampling

NEVER = -9999.0
"""The log-probability reported for what cannot be said; JSON has no minus infinity."""


class Chooser:
    """Chooses the tokens of one choice; remembers what it chose, for the penalties.

    Each choice draws from a generator of its own, on the CPU: the same seed gives the same tokens on any device
    whose logits agree, and whatever else is in the batch.
    """

    def __init__(self, sampling: Sampling, *, choice: int) -> None:
        self._sampling = sampling
        self._said: Counter[int] = Counter()
        self._random = torch.Generator()
        if sampling.seed is None:
            self._random.seed()
        else:
            self._random.manual_seed((sampling.seed + choice) % 2**63)

    def choose(self, logits: Tensor) -> int:
        """logits: (vocabulary,) -> the id chosen. The input is not changed."""
        logits = self._shifted(logits)
        token = int(logits.argmax()) if self._sampling.temperature == 0 else self._drawn(logits)
        self._said[token] += 1
        return token

    def _shifted(self, logits: Tensor) -> Tensor:
        """Logits with bias and penalties, as OpenAI's reference defines them (over tokens of the answer so far)."""
        sampling = self._sampling
        penal = sampling.presence_penalty or sampling.frequency_penalty
        if not (sampling.logit_bias or (penal and self._said)):
            return logits
        logits = logits.clone()
        for token, bias in sampling.logit_bias.items():
            if 0 <= token < len(logits):
                logits[token] += bias if bias > -100 else -torch.inf
        if penal:
            for token, times in self._said.items():
                logits[token] -= times * sampling.frequency_penalty + sampling.presence_penalty
        return logits

    def _drawn(self, logits: Tensor) -> int:
        probabilities = torch.softmax(logits.float().cpu() / self._sampling.temperature, dim=-1)
        if self._sampling.top_p < 1:
            ordered, ids = probabilities.sort(descending=True, stable=True)
            # A token stays while those before it hold less than top_p: the best one always stays.
            ordered[ordered.cumsum(0) - ordered >= self._sampling.top_p] = 0
            return int(ids[torch.multinomial(ordered, 1, generator=self._random)])
        return int(torch.multinomial(probabilities, 1, generator=self._random))


def alternatives(logits: Tensor, token: int, *, top: int) -> tuple[float, tuple[tuple[int, float], ...]]:
    """Natural log-probability of a token under the model itself (no bias, penalty, temperature), and the `top` best."""
    logprobs = torch.log_softmax(logits.float(), dim=-1)
    best = logprobs.topk(top) if top else None
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True) if best is not None else ()
    return max(float(logprobs[token]), NEVER), tuple((int(i), max(float(v), NEVER)) for i, v in pairs)
