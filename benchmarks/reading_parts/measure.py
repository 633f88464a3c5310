"""Greedy answers of plain transformers in batches, and scores with bootstrap intervals."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from afina.domain.message import Message
from reading_parts.squad import Asked, contains, exact, f1

MAX_NEW_TOKENS = 32
RESAMPLES = 10_000


class Reader:
    """A base with or without an adapter; prompts are sorted by length, so batches pad little."""

    def __init__(self, base: Path, *, adapter: Path | None, device: str, dtype: torch.dtype, batch_tokens: int) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
        model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
        if adapter is not None:
            model = PeftModel.from_pretrained(model, adapter, autocast_adapter_dtype=False)
        self.model = model.to(device).eval()
        self.device = device
        self.batch_tokens = batch_tokens
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def answers(self, prompts: Sequence[Sequence[Message]]) -> list[str]:
        """The greedy answer to each prompt, in order."""
        texts = [self._text(prompt) for prompt in prompts]
        lengths = [len(self.tokenizer(t, add_special_tokens=False)["input_ids"]) for t in texts]
        order = sorted(range(len(texts)), key=lambda place: lengths[place])
        answers = [""] * len(texts)
        while order:
            size = max(1, self.batch_tokens // lengths[order[min(len(order), 64) - 1]])
            batch, order = order[:size], order[size:]
            for place, answer in zip(batch, self._batch([texts[place] for place in batch]), strict=True):
                answers[place] = answer
        return answers

    def _text(self, prompt: Sequence[Message]) -> str:
        turns = [{"role": m.role, "content": m.content} for m in prompt]
        text: str = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return text

    @torch.no_grad()
    def _batch(self, texts: list[str]) -> list[str]:
        read = self.tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False).to(self.device)
        written = self.model.generate(
            input_ids=read["input_ids"],
            attention_mask=read["attention_mask"],
            max_new_tokens=MAX_NEW_TOKENS,
            do_sample=False,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.tokenizer.eos_token_id,
        )
        fresh = written[:, read["input_ids"].shape[1] :]
        return [text.strip() for text in self.tokenizer.batch_decode(fresh, skip_special_tokens=True)]


@dataclass(frozen=True, slots=True)
class Scores:
    """Percentages; f1_low and f1_high bound a 95 % bootstrap interval over passages."""

    exact: float
    f1: float
    f1_low: float
    f1_high: float
    contains: float
    cases: int

    def as_dict(self) -> dict[str, float]:
        return {name: round(value, 2) for name, value in asdict(self).items()}


def scores_of(asked: Sequence[Asked], answers: Sequence[str]) -> Scores:
    f1s = np.array([f1(answer, one.answers) for one, answer in zip(asked, answers, strict=True)])
    low, high = interval(f1s, [one.passage for one in asked])
    return Scores(
        100 * float(np.mean([exact(a, q.answers) for q, a in zip(asked, answers, strict=True)])),
        100 * float(f1s.mean()),
        100 * low,
        100 * high,
        100 * float(np.mean([contains(a, q.answers) for q, a in zip(asked, answers, strict=True)])),
        len(asked),
    )


def interval(values: np.ndarray[Any, np.dtype[np.float64]], groups: Sequence[str]) -> tuple[float, float]:
    """95 % percentile bootstrap of the mean; questions about one passage are drawn together."""
    names, member = np.unique(np.array(groups), return_inverse=True)
    sums = np.bincount(member, weights=values)
    sizes = np.bincount(member)
    drawn = np.random.default_rng(0).integers(0, len(names), size=(RESAMPLES, len(names)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
