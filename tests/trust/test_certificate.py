"""The certificate passes what serves the saved files, and fails what only looks as if it did."""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

import torch
from safetensors.torch import load_file, save_file

from afina.contracts import Capabilities, Engine, Place, Scored
from afina.domain.answer import Answer, Used
from afina.domain.certificate import Certificate, Figures
from afina.domain.message import Message
from afina.engines.transformers import Options, build
from afina.errors import EngineError, NotFound, Unsupported
from afina.testing.echo import EchoEngine
from afina.testing.engine_suite import run
from afina.testing.tiny import write_tiny_adapter, write_tiny_model
from afina.trust.certificate import (
    GAP_BOUND,
    MAX_BOUND,
    MEAN_BOUND,
    Pairs,
    certify,
    effect,
    faults,
    measured,
    unequal_ids,
)
from afina.trust.prompts import PROMPTS, PROMPTS_DIGEST

FEW = PROMPTS[::5]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A base, adapters for it, and copies of the base whose weights are not quite the same."""
    root = tmp_path_factory.mktemp("certificate")
    base = write_tiny_model(root / "base", context_tokens=2048)
    return {
        "base": base,
        "ada": write_tiny_adapter(base, root / "ada"),
        "idle": write_tiny_adapter(base, root / "idle", strength=0.0),
        "rounded": _changed(base, root / "rounded", lambda w: w.to(torch.bfloat16).float()),
        "coarse": _changed(base, root / "coarse", _rounded_to_three_bits),
    }


def _changed(base: Path, folder: Path, change: Callable[[torch.Tensor], torch.Tensor]) -> Path:
    write_tiny_model(folder, context_tokens=2048)
    weights = load_file(base / "model.safetensors")
    changed = {name: change(w).contiguous() if w.dim() == 2 else w for name, w in weights.items()}
    save_file(changed, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _rounded_to_three_bits(weight: torch.Tensor) -> torch.Tensor:
    """As a loader that rounds zero points would read them: right in outline, wrong in detail."""
    step = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-9) / 3
    return (weight / step).round() * step


@pytest.fixture(scope="module")
def engines(folders: dict[str, Path]) -> dict[str, Engine]:
    def adapter(digest: str) -> Path:
        if digest not in folders:
            raise NotFound(f'no adapter is called "{digest}"')
        return folders[digest]

    return {
        name: build(Options(), Place(folders[name], None, adapter, folders["base"].parent))
        for name in ("base", "rounded", "coarse")
    }


def certified(engine: Any, reference: Engine, *, adapter: str | None = None) -> Certificate:
    return run(certify(engine, reference, artefact=adapter or "base", adapter=adapter, prompts=FEW))


def test_there_are_fifty_prompts_of_all_kinds() -> None:
    assert len(PROMPTS) == len(set(PROMPTS)) == 50
    assert all(turns[-1].role == "user" for turns in PROMPTS)
    assert any(turns[0].role == "system" for turns in PROMPTS)
    assert any(len(turns) > 3 for turns in PROMPTS)
    assert len(PROMPTS_DIGEST) == 64


def test_the_same_files_pass(engines: dict[str, Engine], folders: dict[str, Path]) -> None:
    again = build(Options(), Place(folders["base"], None, Path, Path()))
    certificate = certified(again, engines["base"])
    assert certificate.passed, certificate.reasons
    assert certificate.figures.mean_error < 1e-4
    assert certificate.figures.flips == 0
    assert certificate.figures.effect is None
    run(again.close())


def test_rounding_of_weights_passes_with_its_error_told(engines: dict[str, Engine]) -> None:
    certificate = certified(engines["rounded"], engines["base"])
    assert certificate.passed, certificate.reasons
    assert 1e-4 < certificate.figures.mean_error < MEAN_BOUND


def test_misread_weights_fail(engines: dict[str, Engine]) -> None:
    certificate = certified(engines["coarse"], engines["base"])
    assert not certificate.passed
    assert certificate.figures.mean_error > MEAN_BOUND
    assert "off by" in certificate.summary


def test_an_adapter_that_works_passes(engines: dict[str, Engine]) -> None:
    certificate = certified(engines["base"], engines["base"], adapter="ada")
    assert certificate.passed, certificate.reasons
    assert certificate.figures.effect is not None
    assert certificate.figures.effect > 0.1
    assert certificate.figures.effect == pytest.approx(certificate.figures.reference_effect)


def test_an_adapter_that_does_nothing_fails(engines: dict[str, Engine]) -> None:
    certificate = certified(engines["base"], engines["base"], adapter="idle")
    assert not certificate.passed
    assert "not shown to be active" in certificate.reasons[0]


def test_an_adapter_that_is_silently_unused_fails(engines: dict[str, Engine]) -> None:
    certificate = certified(Deaf(engines["base"]), engines["base"], adapter="ada")
    assert not certificate.passed
    assert any("not shown to be active" in reason for reason in certificate.reasons)


@dataclass(frozen=True)
class Deaf:
    """An engine that takes an adapter and does not use it."""

    inner: Engine

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def generate(self, prompt):  # type: ignore[no-untyped-def]
        return self.inner.generate(replace(prompt, adapter=None))

    async def score(self, pairs: Pairs, *, adapter: str | None = None) -> list[Scored]:
        return await self.inner.score(pairs)


def test_another_template_fails_before_anything_else(engines: dict[str, Engine]) -> None:
    certificate = certified(Prefixed(engines["base"]), engines["base"])
    assert not certificate.passed
    assert certificate.reasons[0].startswith("prompt 1 is read as other tokens")
    assert certificate.figures.positions == 0


@dataclass(frozen=True)
class Prefixed(Deaf):
    """An engine whose template has a system message of its own."""

    async def score(self, pairs: Pairs, *, adapter: str | None = None) -> list[Scored]:
        return await self.inner.score([((Message("system", "x"), *messages), text) for messages, text in pairs])


def test_a_serving_path_that_strays_fails_though_its_numbers_are_right(engines: dict[str, Engine]) -> None:
    """Forced reading alone would not see a broken cache or sampler."""
    certificate = certified(Straying(engines["base"]), engines["base"])
    assert not certificate.passed
    assert certificate.figures.mean_error < 1e-3
    assert any("tokens it said" in reason for reason in certificate.reasons)


@dataclass(frozen=True)
class Straying(Deaf):
    """Says what another temperature would; reads rightly."""

    def generate(self, prompt):  # type: ignore[no-untyped-def]
        return self.inner.generate(replace(prompt, sampling=replace(prompt.sampling, temperature=0.7, seed=1)))


def test_an_engine_that_cannot_score_is_refused() -> None:
    with pytest.raises(Unsupported):
        certified(EchoEngine(can=Capabilities()), EchoEngine())


def test_a_failing_engine_gives_no_certificate() -> None:
    broken = EchoEngine(base="b", error=EngineError("it broke"), fail_after=2)
    with pytest.raises(EngineError, match="it broke"):
        certified(broken, EchoEngine())


# --- figures by hand ------------------------------------------------------------------------------


def scored(logprobs: Sequence[float], best: Sequence[int], gaps: Sequence[float] = ()) -> Scored:
    ids = tuple(range(len(logprobs)))
    return Scored((1, 2), ids, tuple(logprobs), tuple(best), tuple(logprobs), tuple(gaps) or (9.0,) * len(logprobs))


def test_figures_by_hand() -> None:
    right = scored([-1.0, -2.0, -3.0, -4.0], [0, 1, 2, 3], [5.0, 0.5, 5.0, 5.0])
    mine = scored([-1.1, -2.0, math.nan, -4.3], [0, 9, 2, 3])
    figures = measured([mine], [right], [Answer(finish="stop", used=Used(completion_tokens=4))], effects=None)
    assert figures.positions == 3, "what an engine does not know is not counted"
    assert figures.mean_error == pytest.approx((0.1 + 0.0 + 0.3) / 3)
    assert figures.max_error == pytest.approx(0.3)
    assert (figures.flips, figures.widest_flip) == (1, 0.5)
    assert (figures.unlike, figures.said) == (0, 4)
    cut = measured([mine], [right], [Answer(finish="length", used=Used(completion_tokens=3))], effects=None)
    assert cut.said == 3, "an end of turn that was forced was not said"
    other = measured([mine], [right], [Answer(finish="length", used=Used(completion_tokens=2))], effects=None)
    assert other.said == 0, "the text was said in other tokens"


def test_unknown_logprobs_fall_back_to_the_best_where_it_is_the_same() -> None:
    right = Scored((1,), (5, 6), (-3.0, -3.0), (7, 8), (-0.5, -0.5), (1.0, 1.0))
    mine = Scored((1,), (5, 6), (math.nan, math.nan), (7, 9), (-0.7, -0.1))
    figures = measured([mine], [right], [Answer(finish="stop")], effects=None)
    assert figures.positions == 1
    assert figures.mean_error == pytest.approx(0.2)


def test_an_effect_is_measured_alike_where_the_served_engine_knows_less() -> None:
    tuned = Scored((1,), (5, 6), (-0.1, -0.2), (5, 6), (-0.1, -0.2))
    bare = Scored((1,), (5, 6), (-0.3, -4.0), (5, 9), (-0.3, -0.1))
    poor = replace(bare, logprobs=(-0.3, math.nan))  # it would say 9, and does not know how probable 6 is
    assert effect([tuned], [bare], known=([tuned], [bare])) == pytest.approx((0.2 + 3.8) / 2)
    at_most = math.log(1 - math.exp(-0.1))
    expected = (0.2 + abs(-0.2 - at_most)) / 2
    assert effect([tuned], [poor], known=([tuned], [poor])) == pytest.approx(expected)
    assert effect([tuned], [bare], known=([tuned], [poor])) == pytest.approx(expected)


def test_an_engine_that_knows_only_its_best_tokens_can_be_certified(engines: dict[str, Engine]) -> None:
    certificate = certified(Knowing(engines["base"]), engines["base"], adapter="ada")
    assert certificate.passed, certificate.summary
    assert certificate.figures.effect == pytest.approx(certificate.figures.reference_effect)


@dataclass(frozen=True)
class Knowing(Deaf):
    """Tells the log-probabilities of tokens that it would say, and no others."""

    def generate(self, prompt):  # type: ignore[no-untyped-def]
        return self.inner.generate(prompt)

    async def score(self, pairs: Pairs, *, adapter: str | None = None) -> list[Scored]:
        whole = await self.inner.score(pairs, adapter=adapter)
        return [replace(s, logprobs=tuple(p if i == b else math.nan for i, b, p in _rows(s)), gaps=()) for s in whole]


def _rows(scored: Scored) -> "zip[tuple[int, int, float]]":
    return zip(scored.ids, scored.best, scored.logprobs, strict=True)


GOOD = Figures(prompts=50, positions=1000, mean_error=0.01, max_error=0.2, flips=2, widest_flip=0.1, said=1000)


def test_good_figures_have_no_fault() -> None:
    assert list(faults(GOOD)) == []
    assert list(faults(replace(GOOD, effect=0.2, reference_effect=0.21))) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mean_error": MEAN_BOUND + 0.01}, "on average"),
        ({"mean_error": math.nan}, "on average"),
        ({"max_error": MAX_BOUND + 0.1}, "is off by"),
        ({"widest_flip": GAP_BOUND}, "another token"),
        ({"unlike": 21}, "clearly prefers"),
        ({"said": 400}, "could be compared"),
        ({"positions": 0}, "no log-probability"),
        ({"effect": 0.09, "reference_effect": 0.09}, "not shown to be active"),
        ({"effect": 0.0, "reference_effect": 0.0, "mean_error": 0.0}, "not shown to be active"),
        ({"effect": 0.5, "reference_effect": 0.9}, "in the reference"),
    ],
)
def test_each_fault_is_told(change: dict[str, float], words: str) -> None:
    found = list(faults(replace(GOOD, **change)))  # type: ignore[arg-type]
    assert any(words in reason for reason in found), found


def test_a_short_context_skips_prompts_or_refuses() -> None:
    engine = EchoEngine(base="b", context_tokens=90)
    assert 5 <= run(certify(engine, engine, artefact="b", prompts=FEW)).figures.prompts < len(FEW)
    with pytest.raises(Unsupported, match="context_tokens"):
        run(certify(EchoEngine(base="b", context_tokens=28), engine, artefact="b", prompts=FEW))


def test_ids_are_compared_to_the_last() -> None:
    one = scored([-1.0, -1.0], [0, 1])
    assert list(unequal_ids([one], [one])) == []
    assert list(unequal_ids([replace(one, prompt_ids=(1, 3))], [one])) == [
        "prompt 1 is read as other tokens, from place 1"
    ]
    assert list(unequal_ids([replace(one, ids=(0,))], [one])) == ["answer 1 is read as other tokens, from place 1"]


def test_all_answers_are_asked_for_at_once() -> None:
    engine = EchoEngine(delay_s=0.01, base="b")

    async def certify_and_look() -> int:
        task = asyncio.create_task(certify(engine, EchoEngine(), artefact="b", prompts=FEW))
        await asyncio.sleep(0.03)
        at_once = engine.running
        await task
        return at_once

    assert run(certify_and_look()) >= len(FEW) - 2  # the shortest may have ended
