"""One continuous-batching pipeline of OpenVINO GenAI: requests join and leave while it steps. Runs in the child only.

Measured with 2026.4.1, and the reason for what is done here:
- The prefix cache goes by token ids alone: blocks that one adapter filled are reused for another, and the answers are
  silently wrong. So a lane serves either the bare base with a prefix cache, or adapters without one.
- Adapters of requests that come by `add_request` are ignored; those of `generate` are set, for all that follow. So
  adapters are switched by generating one token, when nothing else runs.
- A pipeline that was built without any adapter ignores all of them, and one that was built with one takes any. So the
  lane for adapters is built with an empty one.
- A prompt that does not fit into the KV cache ends with no tokens and takes others with it. So requests are let in only
  while all of them fit to their last token.
- After an error in a step every later step fails. So the lane is then thrown away.
- Requests with `echo` corrupt memory: a later switch of adapters crashes. So none are made.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import openvino_genai as genai

from afina.engines._peft_file import checked_adapter, empty_adapter, float32_bytes, linear_shapes
from afina.errors import AfinaError, EngineError

BLOCK = 32
"""Tokens of one block of the KV cache on a CPU."""
MOST_ADAPTERS = 16

Output = tuple[int, list[int], list[float], str]
"""(choice, token ids, their log-probabilities, finish reason or '')"""


@dataclass
class Request:
    """settings: of GenerationConfig, and 'schema' as JSON text. cpu_s: its share of the steps that it took part in."""

    id: int
    ids: list[int]
    settings: dict[str, Any]
    adapter: tuple[str, str] | None = None
    handle: Any = None
    cpu_s: float = 0.0

    @property
    def blocks(self) -> int:
        """The most KV blocks that it can come to need."""
        answers = int(self.settings.get("num_return_sequences", 1))
        return answers * -(-(len(self.ids) + int(self.settings["max_new_tokens"])) // BLOCK)

    @property
    def digest(self) -> str:
        return self.adapter[0] if self.adapter else ""


@dataclass
class Lane:
    """serving: folder of the graph. properties: of the CPU plugin. config: the model's config.json.

    adapted: serve adapters, without a prefix cache.
    """

    serving: str
    properties: dict[str, Any]
    config: dict[str, Any]
    blocks: int
    adapted: bool
    waiting: deque[Request] = field(default_factory=deque)
    running: dict[int, Request] = field(default_factory=dict)
    _on: str | None = ""
    """Digest of the adapter that the pipeline answers with, "" for none; None when a switch failed: nobody knows."""
    _turn: frozenset[int] = frozenset()
    _loaded: OrderedDict[str, "_Weights"] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        scheduler = genai.SchedulerConfig()
        scheduler.num_kv_blocks = self.blocks
        scheduler.enable_prefix_caching = not self.adapted
        properties = dict(self.properties)
        if self.adapted:
            self._empty = _Weights(empty_adapter(linear_shapes(self.config)), 1.0)
            properties["adapters"] = self._empty.config()
        self._pipeline = genai.ContinuousBatchingPipeline(self.serving, scheduler, "CPU", properties)
        if self.adapted:
            self._generate_with(genai.AdapterConfig())

    @property
    def busy(self) -> bool:
        return bool(self.waiting or self.running)

    def admit(self) -> Iterator[tuple[Request, AfinaError]]:
        """Start what may start now; gives back what cannot start at all.

        All that run share one adapter. When they have ended, the adapter of the oldest that waits has its turn; only
        those who waited when the turn began join it while others wait, so no adapter keeps the lane for itself.
        """
        if not self.running and self.waiting:
            yield from self._next_turn()
        others = any(r.digest != self._on for r in self.waiting)
        for request in list(self.waiting):
            free = self.blocks - sum(r.blocks for r in self.running.values())
            if request.digest != self._on or (others and request.id not in self._turn):
                continue
            if self.running and request.blocks > free:
                break
            self.waiting.remove(request)
            yield from self._start(request)

    def _next_turn(self) -> Iterator[tuple[Request, AfinaError]]:
        self._turn = frozenset(r.id for r in self.waiting)
        wanted = self.waiting[0]
        if wanted.digest == self._on:
            return
        try:
            self._switch(wanted)
        except AfinaError as error:
            failed = [r for r in self.waiting if r.digest == wanted.digest]
            self.waiting = deque(r for r in self.waiting if r.digest != wanted.digest)
            yield from ((r, error) for r in failed)

    def _switch(self, request: Request) -> None:
        """Make the pipeline answer with a request's adapter, loading it from its folder if it is not in memory."""
        adapters = self._weights(*request.adapter).config() if request.adapter else genai.AdapterConfig()
        self._on = None  # the runtime may have taken the adapter although the switch fails
        self._generate_with(adapters)
        self._on = request.digest

    def _weights(self, digest: str, folder: str) -> "_Weights":
        if digest not in self._loaded:
            known = frozenset(linear_shapes(self.config))
            scale = checked_adapter(Path(folder), known=known).scale
            self._loaded[digest] = _Weights(float32_bytes(Path(folder)), scale)
        self._loaded.move_to_end(digest)
        if len(self._loaded) > MOST_ADAPTERS:
            self._loaded.popitem(last=False)
        return self._loaded[digest]

    def _generate_with(self, adapters: Any) -> None:
        settings = genai.GenerationConfig(max_new_tokens=1, ignore_eos=True, eos_token_id=0)
        settings.adapters = adapters
        try:
            while self._pipeline.has_non_finished_requests():  # those that were cancelled are still there
                self._pipeline.step()
            self._pipeline.generate([_tensor([0])], [settings])
        except RuntimeError as failed:
            raise EngineError(f"OpenVINO cannot switch to the adapter: {_line(failed)}") from failed

    def _start(self, request: Request) -> Iterator[tuple[Request, AfinaError]]:
        try:
            request.handle = self._pipeline.add_request(request.id, _tensor(request.ids), _settings(request.settings))
        except (RuntimeError, TypeError) as failed:
            yield request, EngineError(f"OpenVINO refuses the request: {_line(failed)}")
            return
        self.running[request.id] = request

    def step(self) -> Iterator[tuple[Request, list[Output], bool]]:
        """One step of the batch: for each request that has news, its outputs and whether it has ended.

        Raises:
            EngineError: the pipeline is broken for good; what ran in it is lost.
        """
        started = time.process_time()
        try:
            self._pipeline.step()
        except RuntimeError as failed:
            raise EngineError(f"OpenVINO failed: {_line(failed)}", retriable=True) from failed
        share = (time.process_time() - started) / max(1, len(self.running))
        for request in list(self.running.values()):
            request.cpu_s += share
            outputs = _read(request.handle)
            ended = request.handle.get_status() != genai.GenerationStatus.RUNNING and not request.handle.can_read()
            if ended:
                del self.running[request.id]
            if outputs or ended:
                yield request, outputs, ended

    def cancel(self, id: int) -> Request | None:
        """Stop a request wherever it is; the request if it had not started, and will not be heard of again."""
        if id in self.running:
            self.running[id].handle.cancel()
            return None
        found = next((r for r in self.waiting if r.id == id), None)
        if found is not None:
            self.waiting.remove(found)
        return found


def _read(handle: Any) -> list[Output]:
    outputs: list[Output] = []
    while handle.can_read():
        for choice, part in handle.read().items():
            reason = {genai.GenerationFinishReason.STOP: "stop", genai.GenerationFinishReason.LENGTH: "length"}
            ids, logprobs = list(part.generated_ids), list(part.generated_log_probs)
            outputs.append((choice, ids, logprobs, reason.get(part.finish_reason, "")))
    return outputs


def _settings(settings: dict[str, Any]) -> Any:
    rest = {name: value for name, value in settings.items() if name not in ("schema", "stop_token_ids")}
    config = genai.GenerationConfig(**rest)
    config.stop_token_ids = set(settings["stop_token_ids"])
    if "schema" in settings:
        config.structured_output_config = genai.StructuredOutputConfig(json_schema=settings["schema"])
    return config


class _Weights:
    """An adapter in memory. The runtime does not keep the bytes that it was given, but goes on reading them."""

    def __init__(self, safetensors: bytes, scale: float) -> None:
        self._bytes = openvino.Tensor(np.frombuffer(safetensors, dtype=np.uint8).copy())
        self._adapter, self._scale = genai.Adapter(self._bytes), scale

    def config(self) -> Any:
        return genai.AdapterConfig(self._adapter, self._scale)


def _tensor(ids: list[int]) -> Any:
    return openvino.Tensor(np.array([ids], dtype=np.int64))


def _line(failed: Exception) -> str:
    """The last line that says something: OpenVINO's messages start with the place in its source."""
    lines = [line.strip() for line in str(failed).splitlines() if line.strip()]
    return lines[-1][-300:] if lines else type(failed).__name__
