"""Any endpoint that speaks the OpenAI embeddings API, by URL. Texts leave this machine.

The API key is best given by the environment (AFINA__COLLECTIONS__DOCS__EMBEDDER__API_KEY), not in afina.toml.
"""

import base64
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import httpx2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from afina.domain.document import digest
from afina.errors import EngineError, EngineTimeout

RETRIABLE = {408, 409, 425, 429, 500, 502, 503, 504, 529}
LONGEST_WAIT_S = 30.0
BYTES_A_TOKEN = 2


class Options(BaseModel):
    """url: up to and with '/v1'. dimensions: ask for shorter vectors, where the model can. batch: texts a request.

    encoding: how vectors travel; base64 is a quarter of the size, but not every server has it.
    query_prefix, passage_prefix: put before each text, as the e5 family wants ('query: ', 'passage: ').
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    model: str
    api_key: SecretStr = SecretStr("")
    dimensions: int | None = Field(default=None, ge=1)
    batch: int = Field(default=64, ge=1, le=2048)
    encoding: Literal["base64", "float"] = "base64"
    timeout_s: float = Field(default=60.0, gt=0)
    retries: int = Field(default=3, ge=0, le=10)
    query_prefix: str = ""
    passage_prefix: str = ""


class OpenAIEmbedder:
    """Thread-safe. dim: learnt from the first answer."""

    def __init__(self, options: Options, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._options, self._sleep = options, sleep
        key = options.api_key.get_secret_value()
        self._client = httpx2.Client(
            base_url=options.url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=options.timeout_s,
        )
        self._dim = options.dimensions

    @property
    def name(self) -> str:
        return self._options.model

    @property
    def digest(self) -> str:
        """By URL, model and prefixes: a server does not say when its weights change."""
        o = self._options
        return digest("openai", o.url, o.model, str(o.dimensions), o.query_prefix, o.passage_prefix)

    @property
    def dim(self) -> int:
        if self._dim is None:
            self._dim = int(self.embed(["dimension"]).shape[1])
        return self._dim

    def embed(self, texts: Sequence[str], *, kind: str = "passage") -> NDArray[np.float32]:
        """As the contract says.

        Raises:
            EngineError: the endpoint refuses, or answers something else than embeddings.
            EngineTimeout: it did not answer in time.
        """
        prefix = self._options.query_prefix if kind == "query" else self._options.passage_prefix
        parts = []
        for start in range(0, len(texts), self._options.batch):
            batch = [(prefix + text) or " " for text in texts[start : start + self._options.batch]]
            parts.append(self._vectors(self._answer(batch), len(batch)))
        return np.concatenate(parts) if parts else np.zeros((0, self._dim or 0), np.float32)

    def count(self, text: str) -> int:
        """An estimate from above: a token for every two bytes."""
        return len(text.encode()) // BYTES_A_TOKEN + 2

    def close(self) -> None:
        self._client.close()

    def _answer(self, batch: list[str]) -> Any:
        body: dict[str, Any] = {
            "model": self._options.model, "input": batch, "encoding_format": self._options.encoding,
        }  # fmt: skip
        if self._options.dimensions:
            body["dimensions"] = self._options.dimensions
        for attempt in range(self._options.retries + 1):
            last = attempt == self._options.retries
            wait = min(0.5 * 2**attempt, LONGEST_WAIT_S)
            try:
                response = self._client.post("embeddings", json=body)
            except httpx2.TimeoutException as error:
                if last:
                    raise EngineTimeout(f"{self._where} did not answer in {self._options.timeout_s:g} s") from error
            except httpx2.HTTPError as error:
                if last:
                    raise EngineError(f"{self._where} cannot be reached: {error}", retriable=True) from error
            else:
                if response.status_code not in RETRIABLE or last:
                    return self._json(response)
                wait = max(wait, _asked_wait(response))
            self._sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _json(self, response: httpx2.Response) -> Any:
        if response.status_code != 200:
            said = " ".join(response.text.split())[:300]
            raise EngineError(
                f"{self._where} answered {response.status_code}: {said}", retriable=response.status_code in RETRIABLE
            )
        try:
            return response.json()
        except ValueError as error:
            raise EngineError(f"{self._where} answered no JSON: {response.text[:100]!r}") from error

    def _vectors(self, answer: Any, count: int) -> NDArray[np.float32]:
        """Rows in the order of the request, each of length 1."""
        try:
            rows = sorted(answer["data"], key=lambda row: row["index"])
            vectors = np.stack([_row(row["embedding"]) for row in rows])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EngineError(f"{self._where} answered something else than embeddings: {error}") from error
        if vectors.shape[0] != count or not np.isfinite(vectors).all():
            raise EngineError(f"{self._where} answered {vectors.shape[0]} vectors for {count} texts, or not numbers")
        if self._dim is not None and vectors.shape[1] != self._dim:
            raise EngineError(f"{self._where} answered vectors of {vectors.shape[1]} numbers, not {self._dim}")
        self._dim = int(vectors.shape[1])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        result: NDArray[np.float32] = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
        return result

    @property
    def _where(self) -> str:
        return f"the embedder at {self._options.url}"


def build(options: Options, cache: Path) -> OpenAIEmbedder:
    """`cache` is not used: nothing is kept on this machine."""
    return OpenAIEmbedder(options)


def _row(embedding: Any) -> NDArray[np.float32]:
    """A vector as it travelled: base64 of little-endian float32, or a list of numbers."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4").astype(np.float32)
    return np.array(embedding, np.float32)


def _asked_wait(response: httpx2.Response) -> float:
    """Seconds that the server asks to wait, at most LONGEST_WAIT_S."""
    try:
        return max(0.0, min(float(response.headers.get("retry-after", "0")), LONGEST_WAIT_S))
    except ValueError:
        return 0.0
