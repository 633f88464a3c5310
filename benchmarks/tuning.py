"""How fast is a LoRA step? Afina against transformers and peft as a tutorial has them, and with care.

    python benchmarks/tuning.py [--base FOLDER] [--device cuda] [--rounds 3]

The same 64 SQuAD rows (four questions about each passage), rank 16 on all linear layers, batches of 8, AdamW. Rounds
are interleaved, the first is dropped, medians and spread are printed. Tokens are those of the rows, without padding.
- quick start: bf16 base, adapters as peft makes them (float32), random batches padded to the longest, whole logits.
- with care: adapters in bf16, batches by length, loss computed from the answer's logits only.
- afina: the default method; share_rows=1 shows it without shared beginnings.
AFINA_DATA names the folder with squad_v1_dev.
"""

import argparse
import importlib
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional
from transformers import AutoModelForCausalLM

from afina.domain.example import Example
from afina.tuning.masks import Row, row_of
from afina.tuning.methods import lora
from afina.tuning.methods._model import device_of, load_chat
from reading_parts import squad

BUSY, WIDE = 0.3, 0.10
"""Load per core at the start, and spread between rounds, above which no verdict is given."""

BATCH = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    base = args.base or bundled()
    examples = rows()
    tokens = [row_of(example, load_chat(base)) for example in examples]
    total = sum(len(row.ids) for row in tokens)
    print(f"{len(tokens)} rows, {total} tokens, torch {torch.__version__}, {torch.get_num_threads()} threads")
    device = device_of(args.device)
    runners: dict[str, Callable[[], None]] = {
        "quick start": Peer(base, device, tokens, careful=False).epoch,
        "with care": Peer(base, device, tokens, careful=True).epoch,
        "afina, share_rows=1": afina(base, examples, args.device, share_rows=1),
        "afina": afina(base, examples, args.device, share_rows=4),
    }
    speeds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(args.rounds + 1):
        for name, run in runners.items():
            start = time.perf_counter()
            run()
            speeds[name].append(total / (time.perf_counter() - start))
    report({name: all_rounds[1:] for name, all_rounds in speeds.items()}, load)


def report(speeds: dict[str, list[float]], load: float) -> None:
    medians = {name: statistics.median(rounds) for name, rounds in speeds.items()}
    spreads = {name: (max(rounds) - min(rounds)) / medians[name] for name, rounds in speeds.items()}
    for name, speed in medians.items():
        ratio = speed / medians["quick start"]
        print(f"{name:22}{speed:8.0f} tokens/s  {ratio:5.2f} times quick start  spread {spreads[name]:.0%}")
    if load > BUSY or max(spreads.values()) > WIDE:
        print(f"No verdict: load {load:.1f} a core at the start, widest spread {max(spreads.values()):.0%}.")
    else:
        care = medians["afina"] / medians["with care"]
        print(f"Afina is {care:.2f} times as fast as a careful loop, on rows of which four share a passage.")


def rows() -> list[Example]:
    data = squad.load(Path(os.environ["AFINA_DATA"]) / "squad_v1_dev")
    asked = squad.chosen(data.train, rows=64, per_passage=4)
    return [squad.example(one, [data.texts[one.passage]]) for one in asked]


def bundled() -> Path:
    module = importlib.import_module("afina.engines.bases.bundled")
    base: Path = module.materialise_bundled(Path(os.environ.get("AFINA_CACHE", Path.home() / ".cache" / "afina"))).base
    return base


def afina(base: Path, examples: Sequence[Example], device: str, *, share_rows: int) -> Callable[[], None]:
    """An epoch of the default method; loading the model is not counted, here or for the peers."""
    options = lora.Options(device=device, share_rows=share_rows, held_out_times=0, epochs=1000)
    fitting = lora.Fitting(options, base, examples, [])
    steps = len(fitting.order) // options.epochs

    def epoch() -> None:
        for _ in range(steps):
            fitting.one_step()

    return epoch


class Peer:
    """The loop that one writes with transformers and peft."""

    def __init__(self, base: Path, device: torch.device, rows: Sequence[Row], *, careful: bool) -> None:
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
        config = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
        self.model: Any = get_peft_model(model, config, autocast_adapter_dtype=not careful).to(device).train()
        self.optimiser = torch.optim.AdamW([p for p in self.model.parameters() if p.requires_grad], lr=1e-3)
        self.device, self.careful = device, careful
        order = (
            sorted(rows, key=lambda row: len(row.ids)) if careful else random.Random(0).sample(list(rows), len(rows))
        )
        self.batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]

    def epoch(self) -> None:
        for batch in self.batches:
            self._loss(batch).backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.optimiser.zero_grad()

    def _loss(self, batch: Sequence[Row]) -> torch.Tensor:
        longest = max(len(row.ids) for row in batch)
        ids = torch.tensor([[*row.ids, *[0] * (longest - len(row.ids))] for row in batch], device=self.device)
        labels = torch.full_like(ids, -100)
        for place, row in enumerate(batch):
            labels[place, row.prompt : len(row.ids)] = ids[place, row.prompt : len(row.ids)]
        seen = torch.tensor([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in batch], device=self.device)
        if not self.careful:
            loss: torch.Tensor = self.model(input_ids=ids, attention_mask=seen, labels=labels).loss
            return loss
        from_here = int(min(row.prompt for row in batch)) - 1
        logits = self.model(input_ids=ids, attention_mask=seen, logits_to_keep=longest - from_here).logits
        return functional.cross_entropy(logits[:, :-1].float().flatten(0, 1), labels[:, from_here + 1 :].flatten())


if __name__ == "__main__":
    main()
