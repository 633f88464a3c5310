"""Let a classifier on frozen embeddings answer with a label, and the model only where it is not sure enough."""

import time
from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from afina.border import aclosing, in_thread
from afina.contracts import Answerer, Classifier, Control, Embedder
from afina.domain.answer import Chose, Finish, Label, Piece, Text, Used
from afina.domain.ask import Ask
from afina.errors import Conflict
from afina.parts import HeadName, Stock

STAGE = "head"


class Options(BaseModel):
    """head: name or digest of a fitted classifier. min_confidence: probability of its best label, in [0, 1], below
    which the model answers; 0 never asks it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    head: HeadName
    min_confidence: float = Field(default=0.0, ge=0, le=1)


def build(options: Options, stock: Stock) -> Control:
    """Raises Conflict for a classifier of another embedder's vectors."""
    classifier, embedder = stock.head(options.head), stock.embedder()
    if classifier.embedder and classifier.embedder != embedder.digest:
        raise Conflict(
            f'the classifier "{options.head}" was fitted on vectors of the embedder {classifier.embedder[:12]}, but '
            f"this workspace embeds with {embedder.name} ({embedder.digest[:12]}); fit it again"
        )
    return lambda inner: labelled(classifier, embedder, inner, min_confidence=options.min_confidence)


def labelled(classifier: Classifier, embedder: Embedder, inner: Answerer, *, min_confidence: float) -> Answerer:
    """The label of the question with the probabilities of all, or what `inner` answers where the best is below
    `min_confidence`: then the classifier's label is not told, since it is not the answer."""

    def shares(question: str) -> NDArray[np.float32]:
        of_all: NDArray[np.float32] = classifier.probabilities(embedder.embed([question], kind="query"))[0]
        return of_all

    async def answer(ask: Ask, /) -> AsyncIterator[Piece]:
        started = time.monotonic()
        found = await in_thread(shares, ask.question)
        label = Label(dict(zip(classifier.labels, found.tolist(), strict=True)), stage=STAGE)
        confidence = label.distribution[label.best]
        stands = confidence >= min_confidence
        why = f"confidence {confidence:.2f}, asked {min_confidence:.2f}"
        spent = time.monotonic() - started
        tokens = await in_thread(embedder.count, ask.question)
        used = Used(prompt_tokens=tokens, seconds=spent, first_s=spent, engine=embedder.name, stage=STAGE)
        told: list[Piece] = [Chose("head" if stands else "model", why, stage=STAGE), used]
        if stands:
            for piece in (*told, *_said(label, ask.sampling.n)):
                yield piece
            return
        async with aclosing(inner(ask)) as pieces:
            async for piece in pieces:  # nothing before its first piece: until then it may still refuse
                while told:
                    yield told.pop(0)
                yield piece

    return answer


def _said(label: Label, choices: int) -> list[Piece]:
    """The same for each choice that was asked for."""
    return [
        piece
        for n in range(choices)
        for piece in (
            Label(label.distribution, choice=n, stage=STAGE),
            Text(label.best, choice=n, stage=STAGE),
            Finish("stop", choice=n, stage=STAGE),
        )
    ]
