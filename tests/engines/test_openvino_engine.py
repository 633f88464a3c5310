"""The openvino engine against the engine suite and the bundled model; one engine for the whole module."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from afina.contracts import Place, Prompt
from afina.domain.answer import Text
from afina.domain.message import Message
from afina.engines._peft_file import linear_shapes
from afina.engines._weights_on_disk import read_json
from afina.engines.bases.bundled import materialise_bundled
from afina.engines.openvino import OpenVinoEngine, Options, build
from afina.errors import AfinaError, BadRequest, EngineError, NotFound, Unsupported
from afina.testing.engine_suite import EngineConformance, answered, asking, run

CAPITAL = "What is the capital of France?"


ADAPTERS: dict[str, Path] = {}


def adapter_folder(digest: str) -> Path:
    if digest not in ADAPTERS:
        raise NotFound(f"no adapter {digest}")
    return ADAPTERS[digest]


def write_adapter(folder: Path, config: dict[str, Any], *, strength: float, seed: int) -> Path:
    """A random LoRA adapter of rank 2 for every linear layer, in PEFT format and float16."""
    rng = np.random.default_rng(seed)
    header: dict[str, Any] = {}
    parts: list[bytes] = []
    for module, (out, into) in linear_shapes(config).items():
        for side, shape in (("lora_A", (2, into)), ("lora_B", (out, 2))):
            values = rng.normal(scale=strength if side == "lora_B" else 0.05, size=shape).astype(np.float16).tobytes()
            start = sum(map(len, parts))
            header[f"base_model.model.{module}.{side}.weight"] = {
                "dtype": "F16", "shape": list(shape), "data_offsets": [start, start + len(values)],
            }  # fmt: skip
            parts.append(values)
    head = json.dumps(header).encode()
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"".join([len(head).to_bytes(8, "little"), head, *parts]))
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 4}))
    return folder


@pytest.fixture(scope="module")
def opened() -> Iterator[OpenVinoEngine]:
    cache = Path(os.environ.get("AFINA_CACHE") or "~/.cache/afina").expanduser()
    try:
        bases = materialise_bundled(cache)
    except NotFound as missing:
        pytest.skip(str(missing))
    place = Place(bases.base, bases.serving, adapter_folder, cache, "smollm2")
    engine = build(Options(kv_cache_gb=0.5), place)
    yield engine
    asyncio.run(engine.close())


class TestOpenVino(EngineConformance):
    # Sums in another order change a greedy answer now and then: a batch of one is not a batch of four.
    deterministic = False

    @pytest.fixture
    def engine(self, opened: OpenVinoEngine) -> OpenVinoEngine:
        return opened


def test_it_knows_the_capital(opened: OpenVinoEngine) -> None:
    answer = run(answered(opened, asking(CAPITAL)))
    assert answer.text == "The capital of France is Paris."
    assert answer.finish == "stop"


def test_schema_holds_the_answer(opened: OpenVinoEngine) -> None:
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"],
              "additionalProperties": False}  # fmt: skip
    prompt = Prompt((Message("user", CAPITAL),), asking("").sampling, schema=schema)
    assert run(answered(opened, prompt)).text.replace("\n", "").replace(" ", "") == '{"city":"Paris"}'


@pytest.mark.parametrize(
    ("schema", "refusal"),
    [
        ({"type": "foo"}, BadRequest),
        ({"type": "string", "pattern": "(?<=a)b"}, Unsupported),
        ({"$ref": "#/no"}, BadRequest),
    ],
)
def test_schemas_that_would_break_the_batch_are_refused(
    opened: OpenVinoEngine, schema: dict[str, object], refusal: type[AfinaError]
) -> None:
    with pytest.raises(refusal):
        run(answered(opened, Prompt((Message("user", CAPITAL),), schema=schema)))
    assert run(answered(opened, asking(CAPITAL))).finish == "stop"


def test_a_killed_process_fails_its_streams_and_starts_again(opened: OpenVinoEngine) -> None:
    async def killed() -> str:
        stream = opened.generate(asking("Tell me a very long story.", max_tokens=400))
        async with aclosing(stream) as pieces:  # type: ignore[type-var]
            assert isinstance(await anext(pieces), Text)
            for pid in opened.pids:
                os.kill(pid, signal.SIGKILL)
            code = ""
            while code == "":
                code = getattr(await anext(pieces), "code", "")
        return code

    run(answered(opened, asking(CAPITAL)))
    assert run(killed()) == EngineError.code
    assert not opened.running
    started = time.monotonic()
    assert run(answered(opened, asking(CAPITAL))).text == "The capital of France is Paris."
    assert time.monotonic() - started < 15  # 2 s on an idle machine


def test_adapters_take_turns_and_never_leak(opened: OpenVinoEngine, tmp_path: Path) -> None:
    """Each adapter answers as it does alone, whoever was served before: no key-value cache is shared between them."""
    config = read_json(opened.base / "config.json")
    for seed in (1, 2):
        ADAPTERS[str(seed)] = write_adapter(tmp_path / str(seed), config, strength=0.2, seed=seed)
    question = (
        (Message("user", CAPITAL + " Please answer with the name of the city and of its river."),),
        "It is Paris.",
    )

    async def scored(adapter: str | None) -> tuple[float, ...]:
        return (await opened.score([question], adapter=adapter))[0].best_logprobs

    async def together() -> list[tuple[float, ...]]:
        return list(await asyncio.gather(*(scored(a) for a in (None, "1", "2", None, "2", "1"))))

    alone = {adapter: run(scored(adapter)) for adapter in (None, "1", "2")}
    assert max(abs(a - b) for a, b in zip(alone["1"], alone[None], strict=True)) > 0.3, "the adapter is active"
    assert max(abs(a - b) for a, b in zip(alone["1"], alone["2"], strict=True)) > 0.3
    for adapter, found in zip((None, "1", "2", None, "2", "1"), run(together()), strict=True):
        np.testing.assert_allclose(found, alone[adapter], atol=0.15)


def test_adapters_it_cannot_serve_are_refused(opened: OpenVinoEngine, tmp_path: Path) -> None:
    config = read_json(opened.base / "config.json")
    ADAPTERS["dora"] = write_adapter(tmp_path / "dora", config, strength=0.05, seed=3)
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "use_dora": True}
    (ADAPTERS["dora"] / "adapter_config.json").write_text(json.dumps(settings))
    ADAPTERS["wide"] = write_adapter(tmp_path / "wide", {**config, "num_hidden_layers": 31}, strength=0.05, seed=3)
    for digest, word in (("dora", "DoRA"), ("wide", "model.layers.30")):
        with pytest.raises(Unsupported, match=word):
            run(answered(opened, Prompt((Message("user", CAPITAL),), adapter=digest)))
