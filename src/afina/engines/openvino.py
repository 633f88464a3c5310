"""OpenVINO GenAI on a CPU: continuous batching, prefix cache, schema-constrained answers, LoRA adapters at run time.

It runs in processes of its own (see _openvino_child.py), which a request starts again if they die. It serves the graphs
that engines/bases makes, so a base needs its serving files. Not here: other devices, images, tools, alternatives to a
token (`top_logprobs`) and `logit_bias`, which the runtime does not offer. It does not tell how many prompt tokens came
from its cache, so `Used.cached_tokens` stays 0. Needs the extra "openvino".
"""

import asyncio
import math
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from afina.border import in_thread
from afina.contracts import Capabilities, EngineCard, Place, Prompt, Scored
from afina.domain.answer import Piece, Used
from afina.domain.ask import Sampling
from afina.domain.message import Message
from afina.engines._late import failing_late
from afina.engines._openvino_calls import Calls, News
from afina.engines._peft_file import checked_adapter, linear_shapes
from afina.engines._reading import Reading
from afina.engines._refusing import refuse_unsupported, room_for_answer
from afina.engines._schemas import checked_schema
from afina.engines._voice import Voice
from afina.engines._weights_on_disk import digest_of_folder
from afina.errors import BadRequest, ConfigError, EngineError

CAN = Capabilities(adapters=True, logprobs=True, schema=True, score=True, seed=True)
BLOCK = 32
GRAPH_KEYS = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
              "head_dim")  # fmt: skip


class Options(BaseModel):
    """threads: None is every core. niceness: of the process, 0 to 19.

    kv_cache_gb: memory for what the model remembers of prompts and answers; serving adapters takes as much again.
    precision: 'f32' computes in float32; 'auto' in the CPU's fastest format (bfloat16 where it has it), which is up to
    twice as fast and, for the bundled model, 0.02 nats off on average where 'f32' is 0.0005 off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int | None = Field(default=None, ge=1)
    niceness: int = Field(default=0, ge=0, le=19)
    kv_cache_gb: float = Field(default=1.0, gt=0)
    precision: Literal["auto", "f32"] = "auto"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A prompt that has been read and checked. adapter: (digest, folder)."""

    ids: list[int]
    settings: Mapping[str, Any]
    adapter: tuple[str, str] | None


class OpenVinoEngine:
    """An Engine over two child processes, each started when first needed. Safe to use from several event loops.

    One serves the bare base with a prefix cache, the other adapters without one: see _openvino_lane.py for why.
    """

    def __init__(self, reading: Reading, card: EngineCard, *, hello: Mapping[str, Any], place: Place) -> None:
        self._reading, self._card, self._place = reading, card, place
        self._bare, self._adapted = Calls({**hello, "adapted": False}), Calls({**hello, "adapted": True})
        self._modules = frozenset(linear_shapes(reading.config))

    @property
    def card(self) -> EngineCard:
        return self._card

    @property
    def base(self) -> Path:
        """Folder of the base that it serves."""
        assert self._place.base is not None
        return self._place.base

    @property
    def running(self) -> int:
        """Requests that the processes have not ended yet."""
        return self._bare.running + self._adapted.running

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the processes that live now."""
        return tuple(calls.pid for calls in (self._bare, self._adapted) if calls.pid is not None)

    def count(self, messages: Sequence[Message]) -> int:
        return len(self._reading.ids(messages))

    def count_text(self, text: str) -> int:
        return len(self._reading.text_ids(text))

    def cpu_seconds(self) -> float | None:
        return self._bare.cpu_s + self._adapted.cpu_s

    def generate(self, prompt: Prompt, /) -> AsyncIterator[Piece]:
        return failing_late(self._stream(prompt), choices=prompt.sampling.n)

    async def _stream(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        started = time.monotonic()
        asked = await self._asked(prompt)
        sampling, reading = prompt.sampling, self._reading
        voices = [Voice(c, sampling, decode=reading.decode, ends=reading.ends) for c in range(sampling.n)]
        first_s: dict[int, float] = {}
        line = {"ids": asked.ids, "settings": asked.settings, "adapter": asked.adapter}
        calls = self._adapted if asked.adapter else self._bare
        async with aclosing(calls.call(line, started=started, deadline_s=prompt.deadline_s)) as news:
            async for new in news:
                for voice, piece in _pieces(new, voices, shared=not sampling.temperature):
                    first_s.setdefault(voice.choice, time.monotonic() - started)
                    if piece is not None:
                        yield piece
                    elif voice.ended is not None:
                        yield self._used(voice, new, len(asked.ids), started, first_s=first_s, n=sampling.n)
                        yield voice.ended
                if all(voice.ended for voice in voices):
                    return
        raise EngineError("the engine ended an answer without a reason; its KV cache may be too small", retriable=True)

    def _used(
        self, voice: Voice, new: News, prompt_tokens: int, started: float, *, first_s: Mapping[int, float], n: int
    ) -> Used:
        """What a choice took; the prompt is read once and counted with the first choice, CPU time is shared evenly."""
        return Used(
            choice=voice.choice,
            prompt_tokens=0 if voice.choice else prompt_tokens,
            completion_tokens=voice.said,
            seconds=time.monotonic() - started,
            first_s=first_s.get(voice.choice),
            cpu_s=new.cpu_s / n,
            engine=self._card.fingerprint,
        )

    async def _asked(self, prompt: Prompt) -> _Asked:
        refuse_unsupported(prompt, self._card)
        ids, sampling = self._reading.ids(prompt.messages), prompt.sampling
        room = room_for_answer(len(ids), sampling.max_tokens, self._card.context_tokens)
        if sampling.temperature and sampling.n * (len(ids) + room) > self._card.context_tokens * 4:
            raise BadRequest(f"n is {sampling.n}; so many answers of {room} tokens do not fit", param="n")
        settings = _settings(sampling, room, self._reading.ends)
        if prompt.schema is not None:
            settings["schema"] = checked_schema(prompt.schema)
        return _Asked(ids, settings, await self._adapter(prompt.adapter))

    async def _adapter(self, digest: str | None) -> tuple[str, str] | None:
        """(digest, folder) of an adapter that this engine can serve; raises what the place and the check raise."""
        if digest is None:
            return None
        folder = await in_thread(self._place.adapter, digest)
        await in_thread(checked_adapter, folder, known=self._modules)
        return digest, str(folder)

    async def score(
        self, pairs: Sequence[tuple[tuple[Message, ...], str]], *, adapter: str | None = None
    ) -> list[Scored]:
        """Log-probabilities of given continuations, from the served path: the same batches, cache and adapter.

        The engine answers greedily after the prompt. As long as it says the given tokens, each step is a teacher-forced
        one; where it prefers another, that is the best there, and it starts again after the given token. So `best` and
        `best_logprobs` are what serving does. `logprobs` is NaN where the given token was not the best: the runtime
        tells no others (its `echo` would, but corrupts its memory: measured with 2026.4.1).
        No gaps: it has no logits.
        """
        served = await self._adapter(adapter)
        found = [self._scored(self._reading.ids(m), [*self._reading.text_ids(text), self._reading.end_of_turn], served)
                 for m, text in pairs]  # fmt: skip
        return list(await asyncio.gather(*found))

    async def _scored(self, prompt: list[int], ids: list[int], adapter: tuple[str, str] | None) -> Scored:
        room_for_answer(len(prompt), len(ids), self._card.context_tokens)
        best: list[tuple[int, float]] = []
        while len(best) < len(ids):
            best += await self._followed([*prompt, *ids[: len(best)]], ids[len(best) :], adapter)
        own = [logprob if token == given else math.nan for (token, logprob), given in zip(best, ids, strict=True)]
        return Scored(tuple(prompt), tuple(ids), tuple(own), tuple(t for t, _ in best), tuple(v for _, v in best))

    async def _followed(
        self, prefix: list[int], ids: list[int], adapter: tuple[str, str] | None
    ) -> list[tuple[int, float]]:
        """(best token, its log-probability) after a prefix, up to and with the first that is not the given one."""
        best: list[tuple[int, float]] = []
        settings = {"max_new_tokens": len(ids), "ignore_eos": True, "logprobs": 1, "stop_token_ids": []}
        line = {"ids": prefix, "settings": settings, "adapter": adapter}
        calls = self._adapted if adapter else self._bare
        async with aclosing(calls.call(line, started=time.monotonic(), deadline_s=None)) as news:
            async for new in news:
                best += [said for _, tokens, logprobs, _ in new.outputs for said in zip(tokens, logprobs, strict=True)]
                agreed = next((at for at, (t, _) in enumerate(best) if t != ids[at]), len(best))
                if agreed < len(best) or len(best) == len(ids):
                    return best[: agreed + 1]
        raise EngineError("the engine ended before it had read the whole continuation", retriable=True)

    async def close(self) -> None:
        await in_thread(self._bare.close)
        await in_thread(self._adapted.close)


def _pieces(new: News, voices: list[Voice], *, shared: bool) -> list[tuple[Voice, Piece | None]]:
    """(voice, piece) in order; (voice, None) where a voice has ended. shared: a greedy answer goes to every choice."""
    found: list[tuple[Voice, Piece | None]] = []
    for choice, ids, logprobs, reason in new.outputs:
        for voice in voices if shared else voices[choice : choice + 1]:
            if voice.ended is None:
                found += [(voice, piece) for piece in voice.take(ids, logprobs, reason)]
                found += [(voice, None)] if voice.ended else []
    return found


def _settings(sampling: Sampling, room: int, ends: frozenset[int]) -> dict[str, Any]:
    """What the runtime is told; a greedy answer is computed once however many choices are wanted."""
    settings: dict[str, Any] = {
        "max_new_tokens": room,
        "eos_token_id": min(ends),
        "stop_token_ids": sorted(ends),
        "logprobs": int(sampling.logprobs),
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    if sampling.temperature:
        seed = random.getrandbits(32) if sampling.seed is None else sampling.seed % 2**63
        settings |= {
            "do_sample": True,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "rng_seed": seed,
            "num_return_sequences": sampling.n,
        }
    return settings


def build(options: Options, place: Place) -> OpenVinoEngine:
    """Read the tokenizer; the child process starts with the first request.

    Raises:
        ConfigError: the model has no files that OpenVINO can serve.
        BrokenArtefact: its folder cannot be read.
    """
    if place.base is None or place.serving is None:
        raise ConfigError('the engine "openvino" serves bases made from a GGUF file; use "transformers" for this model')
    reading = Reading(place.base)
    blocks = _blocks(reading.config, options.kv_cache_gb)
    context = min(int(reading.config["max_position_embeddings"]), blocks * BLOCK)
    card = EngineCard("openvino", place.model or place.base.name[:12], digest_of_folder(place.base), context, CAN)
    hello = {
        "serving": str(place.serving),
        "config": {key: reading.config[key] for key in GRAPH_KEYS if key in reading.config},
        "properties": _properties(options),
        "blocks": blocks,
        "niceness": options.niceness,
    }
    return OpenVinoEngine(reading, card, hello=hello, place=place)


def _blocks(config: Mapping[str, Any], gigabytes: float) -> int:
    """Blocks of 2-byte keys and values that fit."""
    heads = int(config["num_attention_heads"])
    size = int(config.get("head_dim") or config["hidden_size"] // heads)
    token = 2 * 2 * int(config["num_hidden_layers"]) * int(config.get("num_key_value_heads") or heads) * size
    return max(4, int(gigabytes * 1e9 / (token * BLOCK)))


def _properties(options: Options) -> dict[str, Any]:
    properties: dict[str, Any] = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}  # no rounding of activations to 8 bits
    if options.threads:
        properties["INFERENCE_NUM_THREADS"] = options.threads
    if options.precision == "f32":
        properties["INFERENCE_PRECISION_HINT"] = "f32"
    return properties
