"""Search on the wire. Afina's own routes refuse fields that they do not know."""

from pydantic import BaseModel, ConfigDict, Field


class SearchRequest(BaseModel):
    """where: attribute -> value, all must match."""

    model_config = ConfigDict(extra="forbid", strict=True)

    query: str = Field(min_length=1, max_length=100_000)
    collection: str = Field(default="docs", min_length=1)
    top_k: int = Field(default=10, ge=1, le=100)
    where: dict[str, str] | None = None
