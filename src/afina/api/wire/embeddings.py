"""Embeddings on the wire: floats, or little-endian float32 as base64, which the Python client asks for by default."""

import base64
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from afina.errors import BadRequest, Unsupported

MAX_INPUTS = 2048


class EmbeddingRequest(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    input: Any
    model: str = Field(min_length=1)
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(default=None, ge=1)
    user: str | None = None


def texts_of(given: Any) -> list[str]:
    """The texts to embed.

    Raises:
        Unsupported: token ids; they belong to a tokenizer that is not this model's.
    """
    inputs = [given] if isinstance(given, str) else given
    if not isinstance(inputs, list) or not inputs:
        raise BadRequest("input is a text or a list of texts", param="input")
    if all(isinstance(i, int | list) and not isinstance(i, bool) for i in inputs):
        raise Unsupported("input as token ids is not supported: send the text", param="input")
    if len(inputs) > MAX_INPUTS:
        raise BadRequest(f"input has {len(inputs)} texts; at most {MAX_INPUTS} at once", param="input")
    for place, text in enumerate(inputs):
        if not isinstance(text, str) or not text.strip():
            raise BadRequest("an input is a text that is not empty", param=f"input[{place}]")
    return inputs


def embedding_list(
    vectors: NDArray[np.float32], *, model: str, tokens: int, encoding: Literal["float", "base64"] | None
) -> dict[str, Any]:
    """vectors (n, dim) float32 -> OpenAI's list object; floats unless base64 was asked for."""
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": n, "embedding": encoded(vector, encoding)}
            for n, vector in enumerate(vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def encoded(vector: NDArray[np.float32], encoding: Literal["float", "base64"] | None) -> list[float] | str:
    if encoding == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    floats: list[float] = vector.tolist()
    return floats
