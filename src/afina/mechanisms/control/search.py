"""Answer with what a search finds, best first: no model is asked."""

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from afina.border import in_thread
from afina.contracts import Answerer, Control, Retriever
from afina.domain.answer import Finish, Piece, Ranked, Text, Used
from afina.domain.ask import Ask, Scope
from afina.domain.document import Found
from afina.parts import CollectionName, Stock

STAGE = "search"
MOST = 10_000
"""Passages looked through for documents that have not been found yet."""

NAMED = 10
"""Documents that the text of an answer names."""


class Options(BaseModel):
    """top_k: passages at most. each_document_once: only the best passage of each document; top_k then counts documents.

    retriever: options of the collection's retriever, in place of its own ({"fusion": "dense"}).
    where: attribute -> value that a passage's document must have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    collection: CollectionName = "docs"
    top_k: int = Field(default=10, ge=1, le=1000)
    each_document_once: bool = False
    retriever: dict[str, Any] = Field(default_factory=dict)
    where: dict[str, str] = Field(default_factory=dict)


def build(options: Options, stock: Stock) -> Control:
    """Raises ConfigError for an option that the collection's retriever does not have."""
    retriever = stock.retriever(options.collection, options=options.retriever or None)
    return lambda inner: searching(retriever, options)


def searching(retriever: Retriever, options: Options) -> Answerer:
    """What was found as one Ranked, and the names of the first documents as text, a line each."""

    async def answer(ask: Ask, /) -> AsyncIterator[Piece]:
        started = time.monotonic()
        found = await in_thread(_found, retriever, ask.scope, ask.question, options)
        spent = time.monotonic() - started
        names = list(dict.fromkeys(f.passage.document for f in found))[:NAMED]
        for n in range(ask.sampling.n):
            yield Ranked(tuple(found), choice=n, stage=STAGE)
            yield Text("\n".join(names), choice=n, stage=STAGE)
            yield Used(seconds=spent, first_s=spent, engine=f"search {options.collection}", choice=n, stage=STAGE)
            yield Finish("stop", choice=n, stage=STAGE)

    return answer


def _found(retriever: Retriever, scope: Scope, query: str, options: Options) -> list[Found]:
    """Asks for twice as many passages until there are documents enough, or no more."""
    where: Mapping[str, str] | None = options.where or None
    if not query.strip():
        return []
    wanted = options.top_k
    while True:
        found = retriever.search(scope, query, top_k=wanted, where=where)
        kept = _first_of_each(found) if options.each_document_once else found
        if len(kept) >= options.top_k or len(found) < wanted or wanted >= MOST:
            return kept[: options.top_k]
        wanted *= 2


def _first_of_each(found: list[Found]) -> list[Found]:
    best: dict[str, Found] = {}
    for one in found:
        best.setdefault(one.passage.document_id, one)
    return list(best.values())
