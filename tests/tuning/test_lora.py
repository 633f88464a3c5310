"""LoRA on a tiny Llama: the loss is right, it falls, and a run that was cut off goes on to the same adapter."""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, MistralConfig, MistralForCausalLM

from afina.contracts import Checkpoint, Step
from afina.domain.example import Example
from afina.domain.message import Message
from afina.errors import BadRequest, BrokenArtefact, Conflict, EmptyExamples
from afina.testing.tiny import write_tiny_model
from afina.tuning.masks import row_of
from afina.tuning.methods import _model, lora
from afina.tuning.methods._model import load_adapted, load_chat, reads_packs
from afina.tuning.methods._packed import ATTENTION, batch_of, packed_losses, plain_losses, speed_up
from afina.tuning.packing import pack_of

OPTIONS = lora.Options(
    rank=4, learning_rate=5e-3, epochs=2, batch_rows=4, checkpoint_steps=3, dtype="float32", device="cpu",
    held_out_times=2, seed=5,
)  # fmt: skip
PASSAGE = "The red boat left the harbour at dawn with a crew of seven and a dog called Ñu. " * 2


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tuning") / "base")


def examples(count: int = 24) -> list[Example]:
    """Four questions about each of several passages."""
    return [
        Example(
            f"e{n}",
            (
                Message("user", f"{n // 4} {PASSAGE} {n % 4}: how many?"),
                Message("assistant", f"seven {n % 4}"),
            ),
            f"g{n // 4}",
        )
        for n in range(count)
    ]


def fitted(base: Path, out: Path, options: lora.Options, *, resume: Path | None = None) -> list[Step | Checkpoint]:
    return list(lora.build(options).fit(base, examples(), examples(4), out=out, resume=resume))


def steps(told: list[Step | Checkpoint]) -> list[Step]:
    return [t for t in told if isinstance(t, Step)]


def test_packed_losses_and_gradients_are_those_of_single_rows(base: Path) -> None:
    chat = load_chat(base)
    rows = [row_of(example, chat) for example in examples(12)]
    packs = [pack_of(rows[:4]), pack_of(rows[4:5]), pack_of(rows[8:11])]
    assert packs[0].prefix > 30
    device, gradients = torch.device("cpu"), []
    for packed in (False, True):
        config = lora.lora_config(OPTIONS)
        model = load_adapted(base, config, device=device, dtype=torch.float32, seed=1)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(2))
        if packed:
            speed_up(model)
            assert reads_packs(model, packs, device)
            losses = packed_losses(model, batch_of(packs, device=device, dtype=torch.float32))
        else:
            losses = plain_losses(model, packs, device=device)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        gradients.append((losses.detach(), [p.grad for p in model.parameters() if p.requires_grad]))
    torch.testing.assert_close(gradients[0][0], gradients[1][0], rtol=1e-4, atol=1e-5)
    for plain, fast in zip(gradients[0][1], gradients[1][1], strict=True):
        torch.testing.assert_close(plain, fast, rtol=1e-3, atol=1e-4)


def test_learns_and_writes_an_adapter_that_peft_reads(base: Path, tmp_path: Path) -> None:
    told = fitted(base, tmp_path, replace(OPTIONS, epochs=6, base_digest="b" * 64))
    final = told[-1]
    assert isinstance(final, Checkpoint)
    assert final.final
    assert final.metrics["held_out_loss"] < 0.5 * final.metrics["held_out_loss_before"]
    assert final.metrics["rows"] == 24
    assert final.metrics["tokens_computed"] < 0.6 * final.metrics["tokens"]
    assert sorted(p.name for p in final.folder.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    settings = json.loads((final.folder / "adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == "b" * 64
    assert settings["target_modules"] == sorted(settings["target_modules"])
    assert all(t.dtype == torch.float32 for t in load_file(final.folder / "adapter_model.safetensors").values())
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), final.folder)
    rows = [row_of(example, load_chat(base)) for example in examples(4)]
    with torch.no_grad():
        loss = plain_losses(model, [pack_of([row]) for row in rows], device=torch.device("cpu")).mean()
    assert float(loss) == pytest.approx(final.metrics["held_out_loss"], rel=1e-3)


def test_the_same_seed_writes_the_same_bytes(base: Path, tmp_path: Path) -> None:
    def files(name: str, seed: int) -> dict[str, bytes]:
        final = fitted(base, tmp_path / name, replace(OPTIONS, seed=seed))[-1]
        assert isinstance(final, Checkpoint)
        return {path.name: path.read_bytes() for path in final.folder.iterdir()}

    assert files("one", 1) == files("two", 1)
    assert files("three", 2) != files("one", 1)


@pytest.mark.parametrize(
    "change", [{}, {"dropout": 0.1}, {"average_last": 0.6}, {"shape": "cosine", "loss_mean": "row"}]
)
def test_a_run_cut_off_at_a_checkpoint_ends_with_the_same_adapter(
    base: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    options = replace(OPTIONS, **change)
    whole = fitted(base, tmp_path / "whole", options)
    cut: Iterator[Step | Checkpoint] = lora.build(options).fit(
        base, examples(), examples(4), out=tmp_path / "cut", resume=None
    )
    checkpoint = next(t for t in cut if isinstance(t, Checkpoint))
    del cut
    rest = fitted(base, tmp_path / "cut", options, resume=checkpoint.folder)
    assert [s.loss for s in steps(whole)][checkpoint.step :] == [s.loss for s in steps(rest)]
    assert [s.tokens for s in steps(whole)][checkpoint.step :] == [s.tokens for s in steps(rest)]
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (tmp_path / "whole" / ".finished" / name).read_bytes() == (
            tmp_path / "cut" / ".finished" / name
        ).read_bytes()


def test_a_checkpoint_of_something_else_is_refused(base: Path, tmp_path: Path) -> None:
    told = fitted(base, tmp_path, OPTIONS)
    folder = [t.folder for t in told if isinstance(t, Checkpoint) and not t.final][-1]
    with pytest.raises(Conflict, match="learning_rate"):
        fitted(base, tmp_path, replace(OPTIONS, learning_rate=1e-4), resume=folder)
    for name in ("state.safetensors", "manifest.json"):
        (folder / name).write_bytes((folder / name).read_bytes()[:-1])
        with pytest.raises(BrokenArtefact):
            fitted(base, tmp_path, OPTIONS, resume=folder)


def test_a_time_limit_shortens_the_plan_and_the_rate_still_falls_to_zero(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10**6, 1))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    options = replace(OPTIONS, epochs=40, max_minutes=2.0, held_out_times=0, checkpoint_steps=1000)
    told = steps(fitted(base, tmp_path, options))
    assert told[0].of == 240
    assert told[-1].step == told[-1].of < 120
    assert told[-1].seconds <= 120
    assert all(one.step + 1 == other.step for one, other in pairwise(told))


def test_long_rows_are_counted_and_none_left_is_an_error(base: Path, tmp_path: Path) -> None:
    longest = max(len(row_of(e, load_chat(base)).ids) for e in examples())
    rows = [*examples(), Example("long", (Message("user", "word " * 300), Message("assistant", "x")), "g")]
    options = replace(OPTIONS, epochs=1, max_tokens=longest, held_out_times=0)
    final = list(lora.build(options).fit(base, rows, [], out=tmp_path, resume=None))[-1]
    assert isinstance(final, Checkpoint)
    assert (final.metrics["rows"], final.metrics["rows_too_long"]) == (24, 1)
    with pytest.raises(EmptyExamples):
        list(lora.build(replace(options, max_tokens=5)).fit(base, rows, [], out=tmp_path, resume=None))


def test_impossible_options_name_themselves() -> None:
    with pytest.raises(BadRequest, match="rank"):
        lora.Options(rank=0)
    with pytest.raises(BadRequest, match="dropout"):
        lora.Options(dropout=1.0)


def test_a_model_with_windows_is_read_row_by_row(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "windowed")
    config = MistralConfig(
        vocab_size=json.loads((base / "config.json").read_text())["vocab_size"],
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=8,
    )
    MistralForCausalLM(config).save_pretrained(tmp_path / "windowed")
    final = fitted(tmp_path / "windowed", tmp_path / "out", OPTIONS)[-1]
    assert isinstance(final, Checkpoint)
    assert final.metrics["shared_beginnings"] == 0
    assert final.metrics["held_out_loss"] < final.metrics["held_out_loss_before"]


def test_packing_that_changes_losses_is_not_used(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row_of(example, load_chat(base)) for example in examples(8)]
    packs = [pack_of(rows[:4]), pack_of(rows[4:])]
    model = load_adapted(base, lora.lora_config(OPTIONS), device=torch.device("cpu"), dtype=torch.float32, seed=1)
    own = model.config._attn_implementation
    monkeypatch.setattr(_model, "batch_of", lambda *a, **k: replace(batch_of(*a, **k), spans=()))
    assert not reads_packs(model, packs, torch.device("cpu"))
    assert model.config._attn_implementation == own
    monkeypatch.undo()
    assert reads_packs(model, packs, torch.device("cpu"))
    assert model.config._attn_implementation == ATTENTION
