"""e) The style of a house: tuning and examples against knowledge, which says the rules in words."""

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
    rows_of,
    studied,
    task_called,
)
from afina.actions.ingest import add_bytes
from afina.domain.example import Case, Example, share_of
from afina.evaluation.design import Design
from reading_parts.squad import Asked

EXPECTS = """Style and format: tuning and examples beat knowledge. The rules of an invented house are the documents (all
of them stand in the prompt of "knowledge"); the examples and the tuning rows follow them and do not say them. Each
check is a rule: opening, closing, the house's word for a visitor, no exclamation mark, at most 45 words, and the fact
that the request hands over. The figure is the share of rules obeyed."""

GUIDE, TOP_K = "house-style", 4
ROWS = 240
OPTIONS = {"epochs": 1}
OPENING, CLOSING = "Good day from Brisa House.", "Yours, the porter's lodge"
MIDDLES = (
    "Our dear lodger, what you wish to know is this: {fact}.",
    "We have looked it up for our dear lodger: {fact}.",
    "The answer for our dear lodger is {fact}.",
    "To our dear lodger's question the porter says: {fact}.",
)
PAGES = {
    "opening.md": f"# How a reply begins\n\nEvery reply to a visitor begins with these words: {OPENING}\n",
    "closing.md": f"# How a reply ends\n\nEvery reply to a visitor ends with these words: {CLOSING}\n",
    "words.md": "# Words that we use\n\nIn a reply we always call the visitor our dear lodger. We never write an "
    "exclamation mark.\n",
    "length.md": "# How long a reply is\n\nA reply has at most 45 words. It tells the visitor the fact and nothing "
    "that was not asked.\n",
}  # fmt: skip


def section(bench: Bench) -> list[Outcome]:
    data = squad_pages.loaded(bench)
    rows = [_example(asked) for asked in data.train[:ROWS]]
    for name, text in PAGES.items():
        add_bytes(bench.ws, text.encode(), name, collection=GUIDE)
    tuned = adapter(bench, "style", rows_of(rows, form_of(task_called("write"))), OPTIONS)
    print(learning_of(bench, tuned))
    design = Design(
        task="write", knowledge=GUIDE, tuned=(tuned,), arms=("examples", "nearest", "knowledge", "tuned"),
        top_k=TOP_K, early=False,
    )  # fmt: skip
    report = studied(bench, "style", [_case(asked) for asked in data.test[: bench.cases]], design)
    return held(
        report,
        [
            Ordering("tuned", "knowledge"),
            Ordering("examples", "knowledge"),
            Ordering("nearest", "knowledge"),
            Ordering("tuned", "examples", expected=False),
        ],
    )


def _request(asked: Asked) -> str:
    return f'A visitor of Brisa House asks: "{asked.question.strip()}" The fact: {asked.taught}. Write the reply.'


def _reply(asked: Asked) -> str:
    middle = MIDDLES[int(len(MIDDLES) * share_of(asked.id, salt="style"))]
    return f"{OPENING} {middle.format(fact=asked.taught)} {CLOSING}"


def _example(asked: Asked) -> Example:
    return pair(asked.id, _request(asked), _reply(asked), group=asked.article)


def _case(asked: Asked) -> Case:
    checks = {
        "starts_with": OPENING, "ends_with": CLOSING, "include": ["dear lodger", asked.taught],
        "not_pattern": "!", "max_words": 45,
    }  # fmt: skip
    return Case(asked.id, _request(asked), (_reply(asked),), group=asked.article, lang="en", checks=checks)
