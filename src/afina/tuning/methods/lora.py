"""LoRA on all linear layers (Hu et al. 2021, arXiv 2106.09685) of any causal transformers model, on CPU or GPU.

A loop of its own on transformers and peft: the base is frozen in bf16 where the machine multiplies that faster, master
weights are float32, nothing is padded, beginnings that rows share are read once. Not for models that do not fit into
memory, nor for vision or encoder-decoder models. Needs the extra "train".
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from peft import LoraConfig

from afina.contracts import Checkpoint, Step
from afina.domain.document import digest
from afina.domain.example import Example
from afina.errors import BadRequest, Conflict, EmptyExamples
from afina.tuning.masks import row_of
from afina.tuning.methods._adam import Adam
from afina.tuning.methods._model import (
    as_saved,
    device_of,
    dtype_of,
    load_adapted,
    load_chat,
    reads_packs,
    trained,
)
from afina.tuning.methods._packed import batch_of, packed_losses, plain_losses, speed_up
from afina.tuning.methods._state import FINISHED, drop_older, folder_digest, read_state, write_adapter, write_state
from afina.tuning.packing import Pack, epoch_of, groups_of, pack_of
from afina.tuning.schedule import Plan, Shape, steps_that_fit

WARM_STEPS, PROBE_STEPS, PROBE_EVERY = 1, (3, 8), 10
"""Steps that do not count for speed, those after which it is first measured, and how often after that."""
SAVING_S = 5.0
COUNTED = ("step", "tokens", "computed", "seconds", "cpu_s", "measuring_s", "before", "after")
"""What a checkpoint keeps of how far a run is."""


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one tuning.

    learning_rate: the highest; it rises over `warm_up` (a share of all steps) and falls to zero as `shape` says.
    batch_rows: rows in an optimiser step. share_rows: the most of them that share one beginning; 1 is none.
    loss_mean: over the answer tokens of a step, or first within each row, so that long answers weigh no more.
    average_last: share of the steps, from the end, whose weights are averaged; 0 takes the last.
    max_tokens: longer rows are left out and counted. max_minutes: steps are planned from the measured speed to end
    in time with the rate at zero. held_out_rows: the most to measure on. held_out_times: how often, the end included.
    base_digest: what the adapter names as its base; computed from the files if empty.
    """

    rank: int = 16
    alpha: float = 32.0
    learning_rate: float = 1e-3
    shape: Shape = "linear"
    warm_up: float = 0.03
    epochs: int = 1
    batch_rows: int = 8
    share_rows: int = 4
    loss_mean: Literal["token", "row"] = "token"
    dropout: float = 0.0
    weight_decay: float = 0.0
    clip: float = 1.0
    average_last: float = 0.0
    seed: int = 0
    max_tokens: int = 2048
    max_minutes: float | None = None
    held_out_rows: int = 48
    held_out_times: int = 2
    checkpoint_steps: int = 50
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    base_digest: str = ""

    def __post_init__(self) -> None:
        for name in ("rank", "alpha", "learning_rate", "epochs", "batch_rows", "share_rows", "max_tokens", "clip"):
            if not getattr(self, name) > 0:
                raise BadRequest(f"{name} is {getattr(self, name)}; it must be above 0", param=name)
        for name in ("warm_up", "dropout", "average_last"):
            if not 0 <= getattr(self, name) < 1:
                raise BadRequest(f"{name} is {getattr(self, name)}; it is a share from 0 to below 1", param=name)
        if self.max_minutes is not None and self.max_minutes <= 0:
            raise BadRequest(f"max_minutes is {self.max_minutes}; it must be above 0", param="max_minutes")


def build(options: Options) -> "Lora":
    return Lora(options)


def lora_config(options: Options) -> LoraConfig:
    return LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


class Lora:
    """The method: `fit` may be left at any step; nothing runs on."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def fit(
        self, base: Path, train: Sequence[Example], held_out: Sequence[Example], *, out: Path, resume: Path | None
    ) -> Iterator[Step | Checkpoint]:
        """Tune and yield every step, a checkpoint now and then, and at last the adapter's folder below `out`.

        resume: a checkpoint of the same data and options; what follows is what would have followed.

        Raises:
            EmptyExamples: no row is short enough to learn from.
            Conflict: the checkpoint belongs to other data or options.
            BadRequest: the loss is no longer a number.
        """
        fitting = Fitting(self.options, base, train, held_out)
        if resume is not None:
            fitting.restore(resume)
        yield from fitting.run(out)


class Fitting:
    """One run: the model, its optimiser, its plan and how far it is."""

    def __init__(self, options: Options, base: Path, train: Sequence[Example], held_out: Sequence[Example]) -> None:
        self.options = options
        self.base = base
        chat = load_chat(base)
        rows = [row_of(example, chat) for example in train]
        self.rows = [row for row in rows if len(row.ids) <= options.max_tokens]
        self.too_long = len(rows) - len(self.rows)
        if not self.rows:
            raise EmptyExamples(f"none of {len(rows)} rows has at most {options.max_tokens} tokens (max_tokens)")
        measured = [row_of(example, chat) for example in held_out[: options.held_out_rows]]
        self.measured = [row for row in measured if len(row.ids) <= options.max_tokens]
        self.device = device_of(options.device)
        self.dtype = dtype_of(options.dtype, self.device)
        self.order = self._order()
        total = len(self.order)
        self.plan = Plan(total, options.learning_rate, math.ceil(options.warm_up * total), shape=options.shape)
        self.step = self.tokens = self.computed = 0
        self.seconds = self.cpu_s = self.measuring_s = 0.0
        self.before: float | None = None
        self.after: float | None = None
        self._start_model()

    def _order(self) -> list[list[Pack]]:
        options, groups = self.options, groups_of(self.rows)
        return [
            step
            for epoch in range(options.epochs)
            for step in epoch_of(
                groups,
                batch_rows=options.batch_rows,
                share_rows=options.share_rows,
                seed=options.seed * 1_000_003 + epoch,
            )
        ]

    def _start_model(self) -> None:
        options = self.options
        self.config = lora_config(options)
        self.model = load_adapted(self.base, self.config, device=self.device, dtype=self.dtype, seed=options.seed)
        if options.dropout == 0:
            speed_up(self.model)
        # Two packs of two rows at least: one alone would look the same with or without packing.
        self.packed = reads_packs(self.model, [pack_of(self.rows[:2]), pack_of(self.rows[-2:])], self.device)
        self.adam = Adam(list(trained(self.model).values()), weight_decay=options.weight_decay, clip=options.clip)

    def run(self, out: Path) -> Iterator[Step | Checkpoint]:
        """All steps that are left, then the adapter."""
        clock, cpu = time.perf_counter() - self.seconds, time.process_time() - self.cpu_s
        if self.step == 0:
            self.before = self._held_out_loss()
            self.measuring_s = time.perf_counter() - clock
        mark = (self.step, time.perf_counter())
        while self.step < self.plan.steps:
            loss = self.one_step()
            self.seconds, self.cpu_s = time.perf_counter() - clock, time.process_time() - cpu
            if self.step == WARM_STEPS:
                mark = (self.step, time.perf_counter())
            if self.step in PROBE_STEPS or self.step % PROBE_EVERY == 0:
                self._fit_into_time((time.perf_counter() - mark[1]) / max(1, self.step - mark[0]))
                mark = (self.step, time.perf_counter())
            yield Step(self.step, self.plan.steps, loss, self.tokens, self.seconds, self._when_due())
            if self.step % self.options.checkpoint_steps == 0 and self.step < self.plan.steps:
                yield self._checkpoint(out)
        yield self._finished(out)

    def _fit_into_time(self, seconds_a_step: float) -> None:
        """Move the last step to where the time limit falls at this speed, if that is off by a twentieth."""
        if self.options.max_minutes is None:
            return
        last = steps_that_fit(
            done=self.step,
            seconds=self.seconds,
            seconds_a_step=seconds_a_step,
            limit_s=self.options.max_minutes * 60,
            reserve_s=SAVING_S + self.measuring_s * self.options.held_out_times,
        )
        last = min(last, len(self.order))
        if abs(last - self.plan.steps) > 0.05 * (self.plan.steps - self.step):
            self.plan = self.plan.ending_at(last, now=self.step)

    def one_step(self) -> float:
        """One update; the mean loss over the step's answer tokens, before it."""
        torch.manual_seed(self.options.seed * 1_000_003 + self.step)
        packs = self.order[self.step]
        losses = self._losses(packs)
        (losses * self._weights(packs)).sum().backward()  # type: ignore[no-untyped-call]
        loss = float(losses.detach().mean())
        if not math.isfinite(loss):
            raise BadRequest(
                f"the loss of step {self.step + 1} is {loss}; lower learning_rate ({self.options.learning_rate})",
                param="learning_rate",
            )
        last_steps = self.step >= self.plan.steps * (1 - self.options.average_last)
        self.adam.step(self.plan.rate(self.step), averaging=last_steps)
        self.step += 1
        self.tokens += sum(len(row.ids) for pack in packs for row in pack.rows)
        self.computed += sum(pack.tokens for pack in packs)
        return loss

    def _losses(self, packs: Sequence[Pack]) -> torch.Tensor:
        if self.packed:
            return packed_losses(self.model, batch_of(packs, device=self.device, dtype=self.dtype))
        return plain_losses(self.model, packs, device=self.device)

    def _weights(self, packs: Sequence[Pack]) -> torch.Tensor:
        """What each answer token counts in the step; sums to 1."""
        rows = [row for pack in packs for row in pack.rows]
        if self.options.loss_mean == "token":
            total = sum(len(row.answer) for row in rows)
            return torch.full((total,), 1 / total, device=self.device)
        shares = [1 / len(row.answer) / len(rows) for row in rows for _ in row.answer]
        return torch.tensor(shares, device=self.device)

    def _when_due(self) -> float | None:
        """Held-out loss at even distances, the end included; None between them and without held-out rows."""
        times = self.options.held_out_times
        if times == 0 or (self.step * times) % self.plan.steps >= times:
            return None
        if self.step == self.plan.steps and self.adam.average is not None:
            self.adam.write_back(self.adam.average)
        self.after = self._held_out_loss()
        return self.after

    def _held_out_loss(self) -> float | None:
        """Mean loss over the answer tokens of the held-out rows."""
        if not self.measured or self.options.held_out_times == 0:
            return None
        losses: list[torch.Tensor] = []
        size = self.options.batch_rows
        with torch.no_grad():
            for group in (self.measured[at : at + size] for at in range(0, len(self.measured), size)):
                losses.append(self._losses([pack_of([row]) for row in group]))
        return float(torch.cat(losses).mean())

    def _checkpoint(self, out: Path) -> Checkpoint:
        notes = {"identity": self._identity(), "plan": asdict(self.plan), "packed": self.packed}
        notes |= {name: getattr(self, name) for name in COUNTED} | {"averaged": self.adam.averaged}
        folder = write_state(out / f"step-{self.step:07d}", self.adam.state(), notes)
        drop_older(out, keep=2)
        return Checkpoint(self.step, folder)

    def restore(self, folder: Path) -> None:
        """Go on from a checkpoint of the same data and options."""
        tensors, notes = read_state(folder)
        mine = self._identity()
        other = [name for name, value in notes["identity"].items() if mine.get(name) != value]
        if other:
            raise Conflict(f"{folder} was made with another {', '.join(other)}; start without resume, or as it was")
        for name in COUNTED:
            setattr(self, name, notes[name])
        self.plan = Plan(**notes["plan"])
        self.adam.restore(tensors, steps=self.step, averaged=notes["averaged"])

    def _identity(self) -> dict[str, Any]:
        """What must be the same for a checkpoint to be continued, as JSON."""
        rows = digest(*(f"{row.prompt}:{row.ids}" for row in self.rows))
        free = ("max_minutes", "checkpoint_steps")
        options = {name: value for name, value in asdict(self.options).items() if name not in free}
        return {**options, "data": rows, "dtype": str(self.dtype), "device": self.device.type}

    def _finished(self, out: Path) -> Checkpoint:
        values = self.adam.master if self.adam.average is None else self.adam.average
        base = self.options.base_digest or folder_digest(self.base)
        folder = write_adapter(out / FINISHED, as_saved(self.model, values), self.config, base=base)
        return Checkpoint(self.step, folder, final=True, metrics=self._metrics())

    def _metrics(self) -> dict[str, float]:
        held = {"held_out_loss_before": self.before, "held_out_loss": self.after}
        return {
            **{name: value for name, value in held.items() if value is not None},
            "steps": self.step,
            "rows": len(self.rows),
            "rows_too_long": self.too_long,
            "tokens": self.tokens,
            "tokens_computed": self.computed,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_s,
            "shared_beginnings": float(self.packed),
        }
