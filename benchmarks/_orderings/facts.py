"""a) Facts that the model has not seen: knowledge in the prompt against the same facts tuned into the weights."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import afina
from _orderings import squad_pages
from _orderings.study import (
    Bench,
    Ordering,
    Outcome,
    adapter,
    form_of,
    held,
    learning_of,
    pair,
    recipe,
    rows_of,
    studied,
    task_called,
)
from afina.actions.ingest import add
from afina.actions.synthesise import synthesise
from afina.domain.artefact import Stage
from afina.domain.document import Passage
from afina.domain.example import Case, Example, share_of
from afina.evaluation.cases import load_cases
from afina.evaluation.design import Design
from afina.tuning.data import as_row, load_demonstrations, load_examples
from reading_parts.squad import Asked

EXPECTS = """Facts that the model has not seen: knowledge beats tuning on raw facts (arXiv 2312.05934). "tuned" has
learnt the text of every page, several times, and questions about its facts, and answers without passages;
"read+knowledge" is another adapter, which has learnt to read on other documents, with passages found by search;
"knowledge" is the stock model with the same passages. Only cases that the pages answer are asked, so that abstaining
wins nothing."""

TEMPLATE = Path(afina.__file__).parent / "templates" / "support" / "en"
PAGES, READER = "ossay", "read+knowledge"
OPTIONS = {"epochs": 12}
SYNTHESISED, TOP_K, CONTROL = 150, 2, 60
ORDERINGS = [
    Ordering(READER, "tuned"),
    Ordering("knowledge", "tuned"),
    Ordering(READER, "knowledge"),
    Ordering(READER, "tuned", "token_f1"),
]


def invented(bench: Bench) -> list[Outcome]:
    """The handbook of a ferry line that does not exist."""
    add(bench.ws, TEMPLATE / "documents", collection=PAGES, tell=bench.tell)
    asked = sorted((c for c in load_cases(TEMPLATE / "cases.jsonl") if c.answers), key=lambda c: share_of(c.id))
    passages = list(bench.ws.passages.passages(bench.ws.scope, PAGES))
    questions = [*_synthesised(bench), *_other_questions()]
    return _held(bench, PAGES, asked[: bench.cases], passages, questions)


def encyclopaedia(bench: Bench) -> list[Outcome]:
    """SQuAD: the paragraphs that the cases are about, and the other questions about the same paragraphs."""
    data = squad_pages.loaded(bench)
    squad_pages.collected(bench, data)
    asked = squad_pages.cases(bench, data)
    about = {case.document for case in asked}
    passages = [p for p in bench.ws.passages.passages(bench.ws.scope, squad_pages.COLLECTION) if p.document in about]
    others = [q for q in data.test[bench.cases :] if squad_pages.document_of(q.passage) in about]
    return _held(bench, squad_pages.COLLECTION, asked, passages, [_question(q) for q in others])


def _held(
    bench: Bench, collection: str, cases: Sequence[Case], passages: Sequence[Passage], questions: Sequence[Example]
) -> list[Outcome]:
    task = task_called("answer")
    form = form_of(task)
    raw = [as_row(pair(p.id, _recall(p), p.text.strip(), group=p.document)) for p in passages]
    facts = adapter(bench, f"facts-{collection}", [*raw, *rows_of(questions, form)], OPTIONS)
    reader = squad_pages.reader(bench)
    print(f"{learning_of(bench, facts)}; {len(raw)} passages, {len(questions)} questions\n{learning_of(bench, reader)}")
    knowledge = Stage("knowledge", {"collection": collection, "top_k": TOP_K})
    recipe(bench, READER, task, form, adapter=reader, gather=(knowledge,))
    design = Design(
        knowledge=collection, tuned=(facts,), arms=("knowledge", "tuned", "tuned+knowledge"), recipes=(READER,),
        top_k=TOP_K, early=False,
    )  # fmt: skip
    report = studied(bench, f"facts: {collection}", cases, design)
    return [*_learnt(bench, collection, facts, questions), *held(report, ORDERINGS)]


def _learnt(bench: Bench, collection: str, facts: str, questions: Sequence[Example]) -> list[Outcome]:
    """A control: the adapter asked, word for word, what it was taught; else losing would only be not having learnt."""
    taught = sorted(questions, key=lambda example: share_of(example.id, salt="control"))[:CONTROL]
    cases = [Case(e.id, e.question, (e.answer,), group=e.group, lang="en") for e in taught]
    design = Design(knowledge=None, tuned=(facts,), arms=("tuned",), early=False)
    report = studied(bench, f"taught: {collection}", cases, design)
    control = held(report, [Ordering("tuned", "base")])
    return [replace(found, what=f"control, questions that were taught: {found.what}") for found in control]


def _recall(passage: Passage) -> str:
    where = passage.heading or passage.document
    return f"What does {passage.document} say about this: {where}?"


def _synthesised(bench: Bench) -> list[Example]:
    """Questions about the pages with their answers, without the sources that they are made with."""
    file = bench.ws.root / "rows" / f"{PAGES}-questions.jsonl"
    if not file.exists():
        synthesise(bench.ws, collection=PAGES, out=file, count=SYNTHESISED, unanswerable=0.0, tell=bench.tell)
    return load_demonstrations(file, {e.id for e in load_examples(file)})


def _other_questions() -> list[Example]:
    """The template's own examples, those that the pages answer: they teach the form of an answer."""
    rows = load_examples(TEMPLATE / "examples.jsonl")
    return [row for row in rows if row.answer != "not in the documents"]


def _question(asked: Asked) -> Example:
    return pair(asked.id, asked.question, asked.taught, group=asked.article)
