"""Bodies of the private engine routes; prompts and messages are as engines/_codec.py writes them."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class OfEngine(BaseModel):
    """engine: a name of afina.toml; None is the workspace's own."""

    model_config = ConfigDict(extra="forbid", strict=True)

    engine: str | None = None


class CountRequest(OfEngine):
    """Tokens of a conversation, or of bare text."""

    messages: list[dict[str, Any]] | None = None
    text: str | None = None


class GenerateRequest(OfEngine):
    prompt: dict[str, Any]


class ScoredPair(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    messages: list[dict[str, Any]]
    answer: str


class ScoreRequest(OfEngine):
    pairs: list[ScoredPair]
    adapter: str | None = None
