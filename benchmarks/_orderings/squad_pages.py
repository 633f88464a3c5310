"""SQuAD's paragraphs as a collection, and a reader tuned on those of some articles with what search really finds."""

import random
from collections.abc import Iterator, Sequence
from itertools import groupby

from _orderings.study import Bench, adapter
from afina.actions.ingest import add
from afina.actions.synthesise import shown
from afina.domain.document import Passage
from afina.domain.example import Case, Example
from afina.domain.message import Message
from afina.tuning.data import as_row
from reading_parts import squad
from reading_parts.squad import Asked, Squad

COLLECTION = "squad"
ROWS, PER_PASSAGE, MOST_SHOWN, SEARCHED = 800, 4, 2, 12
OPTIONS = {"epochs": 2}
SEED = 0
ALL = 100_000


def loaded(bench: Bench) -> Squad:
    return squad.load(bench.data / "squad_v1_dev", questions=ALL)


def document_of(passage: str) -> str:
    """The name of a paragraph's file; titles of articles hold signs that file names may not."""
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in passage) + ".md"


def collected(bench: Bench, data: Squad) -> None:
    """Every paragraph of all articles as a document of its own."""
    folder = bench.ws.root / "documents" / COLLECTION
    folder.mkdir(parents=True, exist_ok=True)
    for text in data.texts.values():
        file = folder / document_of(text.id)
        if not file.exists():
            file.write_text(f"# {text.title}\n\n{text.text}\n", encoding="utf-8")
    add(bench.ws, folder, collection=COLLECTION, tell=bench.tell)


def cases(bench: Bench, data: Squad) -> list[Case]:
    return [_case(asked) for asked in data.test[: bench.cases]]


def _case(asked: Asked) -> Case:
    document = document_of(asked.passage)
    return Case(
        asked.id, asked.question, asked.answers, document=document, span=asked.taught, group=asked.article, lang="en"
    )


def reader(bench: Bench) -> str:
    """Name of an adapter that has learnt to answer from passages; its rows are about other articles than the cases."""
    data = loaded(bench)
    collected(bench, data)
    return adapter(bench, "reader", list(_rows(bench, data)), OPTIONS)


def _rows(bench: Bench, data: Squad) -> Iterator[str]:
    """As knowledge shows them when it serves: the right passage and at most one that search finds beside it."""
    passages: dict[str, list[Passage]] = {}
    for passage in bench.ws.passages.passages(bench.ws.scope, COLLECTION):
        passages.setdefault(passage.document, []).append(passage)
    allowed = {document_of(asked.passage) for asked in data.train}
    dice = random.Random(SEED)
    for paragraph, asked in groupby(
        squad.chosen(data.train, rows=ROWS, per_passage=PER_PASSAGE), key=lambda a: a.passage
    ):
        name, questions = document_of(paragraph), list(asked)
        right = max(passages[name], key=lambda p: sum(q.taught in p.text for q in questions))
        sources = [right, *_near(bench, questions[0], allowed - {name})][: dice.randint(1, MOST_SHOWN)]
        dice.shuffle(sources)
        yield from (_row(q, sources, name) for q in questions if q.taught in right.text)


def _near(bench: Bench, asked: Asked, allowed: set[str]) -> list[Passage]:
    found = bench.ws.retriever(COLLECTION).search(bench.ws.scope, asked.question, top_k=SEARCHED)
    return [f.passage for f in found if f.passage.document in allowed]


def _row(asked: Asked, sources: Sequence[Passage], document: str) -> str:
    messages = (*shown(asked.question, sources, "en"), Message("assistant", asked.taught))
    return as_row(Example(asked.id, messages, asked.article), question=asked.question, document=document)
