"""Every contract on one page: what a part must do, what it may change, its order, direction and errors.

Waiting is async (`Answerer`, `Engine`); working is sync (all the rest). Reading contracts take a `Scope` first.
A backend is one file with frozen `Options`, one class or function, and `build(options, ...)`; see `plugins.py`.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from afina.domain.answer import Answer, Piece
from afina.domain.ask import Ask, Sampling, Scope
from afina.domain.document import Document, Found, Parsed, Passage
from afina.domain.example import Case, Example
from afina.domain.message import Message

# --- answering ------------------------------------------------------------------------------------


class Answerer(Protocol):
    """Any way of answering. Writes nothing; what must be kept leaves as a Piece.

    Errors are exceptions until the first piece and a `Failed` after it. Closing the stream cancels the work.
    """

    def __call__(self, ask: Ask, /) -> AsyncIterator[Piece]: ...


Gather = Callable[[Ask], Ask]
"""Adds parts to what the model may see. Reads, never writes; must not change what is already gathered."""

Control = Callable[[Answerer], Answerer]
"""Decides who answers, how often, and what may pass."""


class Policy(Protocol):
    """Whether a draft may stand: (stands, why)."""

    def __call__(self, ask: Ask, draft: Answer, /) -> tuple[bool, str]: ...


# --- engines --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can obey; a request that needs more is refused naming the field.

    top_logprobs: the most alternatives per token (0: none). score: teacher-forced scoring.
    """

    adapters: bool = False
    logprobs: bool = False
    top_logprobs: int = 0
    logit_bias: bool = False
    schema: bool = False
    tools: bool = False
    images: bool = False
    score: bool = False
    seed: bool = False


@dataclass(frozen=True, slots=True)
class EngineCard:
    """engine: the plugin's name; model: what users call the base; base: digest of its files ('' if remote)."""

    engine: str
    model: str
    base: str
    context_tokens: int
    can: Capabilities

    @property
    def fingerprint(self) -> str:
        return f"{self.engine}:{self.base[:12] or self.model}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an engine answers: assembled messages and how to sample. deadline_s: seconds from now, in all."""

    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    adapter: str | None = None
    schema: Mapping[str, Any] | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    deadline_s: float | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A continuation read by force, token by token.

    prompt_ids: tokens of the prompt, template included. ids: tokens of the continuation, end of turn included.
    logprobs: natural, of each of `ids`. best: the arg-max at each position.
    best_logprobs: of `best`. gaps: logit of the best less the second best; empty where the engine cannot say.
    """

    prompt_ids: tuple[int, ...]
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    best: tuple[int, ...]
    best_logprobs: tuple[float, ...]
    gaps: tuple[float, ...] = ()


class Engine(Protocol):
    """A model that reads prompts. Streams of many calls are batched inside; each call is one stream.

    generate yields Text, Logprobs, then one Used and one Finish per choice. Before the first piece it raises
    TooLong, Unsupported (a field it cannot obey), EngineError; EngineTimeout when the deadline passes.
    Leaving a stream frees its work within 2 s.
    """

    @property
    def card(self) -> EngineCard: ...

    def count(self, messages: Sequence[Message]) -> int:
        """Prompt tokens, template and generation prompt included (an upper estimate for remote engines)."""
        ...

    def count_text(self, text: str) -> int:
        """Tokens of bare text, no template (an upper estimate for remote engines)."""
        ...

    def generate(self, prompt: Prompt, /) -> AsyncIterator[Piece]: ...

    async def score(
        self, pairs: Sequence[tuple[tuple[Message, ...], str]], *, adapter: str | None = None
    ) -> list[Scored]:
        """Log-probabilities of given continuations after given messages, in order.

        Raises: Unsupported: the engine cannot score.
        """
        ...

    def cpu_seconds(self) -> float | None:
        """CPU time spent so far by the process that computes; None if it cannot be known."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where an engine finds its files; base and serving are None for remote engines.

    base: folder of a materialised base (or any hub-format model). serving: folder of files made from it.
    adapter: digest -> folder in PEFT format, its hashes checked; raises NotFound, BrokenArtefact, NotCertified.
    model: what users call the base; '' leaves it to the engine.
    """

    base: Path | None
    serving: Path | None
    adapter: Callable[[str], Path]
    cache: Path
    model: str = ""


# --- knowledge ------------------------------------------------------------------------------------


class Reader(Protocol):
    """Bytes of one format to text with offsets. Pure; raises UnreadableDocument."""

    def __call__(self, data: bytes, name: str, /) -> Parsed: ...


class Embedder(Protocol):
    """Texts to vectors. name and digest change when vectors would."""

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...

    @property
    def dim(self) -> int: ...

    def embed(self, texts: Sequence[str], *, kind: str = "passage") -> NDArray[np.float32]:
        """(len(texts), dim) float32, each row of length 1, in the order of `texts`. kind: 'passage' or 'query'."""
        ...

    def count(self, text: str) -> int:
        """Tokens of a text as this embedder reads it."""
        ...


class Classifier(Protocol):
    """A fitted classifier of an embedder's vectors. Pure."""

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def embedder(self) -> str:
        """Digest of the embedder whose vectors it was fitted on; with others it says nothing of worth."""
        ...

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, dim) float32 -> (n, labels) float32, each row summing to 1. Raises Conflict for another dim."""
        ...


class Retriever(Protocol):
    def search(self, scope: Scope, query: str, *, top_k: int, where: Mapping[str, str] | None = None) -> list[Found]:
        """Passages for a query, best first, at most top_k. `where`: attribute -> value, all must match.

        One call sees one generation of the collection. An empty collection gives an empty list.
        """
        ...


class Passages(Protocol):
    """Read access to a stored collection."""

    def generation(self, scope: Scope, collection: str) -> int:
        """Grows with every change; what was read under one generation stays consistent."""
        ...

    def passages(self, scope: Scope, collection: str) -> Iterator[Passage]: ...

    def documents(self, scope: Scope, collection: str) -> Iterator[Document]: ...

    def some(self, scope: Scope, collection: str, ids: Sequence[str]) -> list[Passage]:
        """Those of the passages that still exist, in the order of `ids`."""
        ...

    def vectors(self, scope: Scope, collection: str, embedder: str) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """(passage id, vector) of those stored for an embedder's digest, in no order; others are left out."""
        ...


class Demonstrations(Protocol):
    def examples(self, scope: Scope, name: str) -> Sequence[Example]:
        """A named set of examples in stored order; raises NotFound."""
        ...


# --- learning and measuring -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One optimiser step. loss: mean over answer tokens of the batch. tokens: read so far, padding not counted."""

    step: int
    of: int
    loss: float
    tokens: int
    seconds: float
    held_out_loss: float | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder from which fitting can go on (or, if final, the finished adapter in PEFT format)."""

    step: int
    folder: Path
    final: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)


class Method(Protocol):
    """A way of tuning. Writes only below `out`; the action drives, stores and names what comes out."""

    def fit(
        self, base: Path, train: Sequence[Example], held_out: Sequence[Example], *, out: Path, resume: Path | None
    ) -> Iterator[Step | Checkpoint]: ...


@dataclass(frozen=True, slots=True)
class Score:
    """value: higher is better; None is 'no verdict', never a zero. why: one line for a reader."""

    value: float | None
    why: str = ""


class Scorer(Protocol):
    """Pure; a failing scorer returns Score(None, why), never an exception."""

    def __call__(self, case: Case, answer: Answer, /) -> Score: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """supported: whether the passage backs the claim; quote: span of the passage that does. score in [0, 1]."""

    supported: bool
    score: float
    quote_start: int = 0
    quote_end: int = 0


class Checker(Protocol):
    """Whether a passage supports a claim. Pure."""

    def __call__(self, claim: str, passage: str, /) -> Verdict: ...
