"""Passages of a collection that bear on the question (RAG)."""

from pydantic import BaseModel, ConfigDict, Field

from afina.contracts import Gather
from afina.domain.ask import Ask
from afina.parts import CollectionName, Stock


class Options(BaseModel):
    """top_k: passages at most. where: attribute -> value that a passage's document must have.
    min_score: passages below it are not shown (on the retriever's own scale; 0 shows all)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    collection: CollectionName = "docs"
    top_k: int = Field(default=4, ge=1, le=50)
    where: dict[str, str] = Field(default_factory=dict)
    min_score: float = 0.0


def build(options: Options, stock: Stock) -> Gather:
    retriever = stock.retriever(options.collection)

    def gather(ask: Ask) -> Ask:
        if not ask.question.strip():
            return ask
        found = retriever.search(ask.scope, ask.question, top_k=options.top_k, where=options.where or None)
        return ask.adding(found=tuple(f for f in found if f.score >= options.min_score))

    return gather
