"""b) Stock models below 1B hardly use the passage; tuning them to read changes that."""

from _orderings import squad_pages
from _orderings.study import Bench, Ordering, Outcome, held, learning_of, studied
from afina.evaluation.design import Design

EXPECTS = """Reading is learnt by tuning: with the same passages in the prompt, the tuned model answers and the stock
one hardly does (arXiv 2603.11513, 2403.10131). SQuAD questions about 16 articles that the adapter never saw, passages
of all 2,067 paragraphs found by the collection's own search."""


def section(bench: Bench) -> list[Outcome]:
    reader = squad_pages.reader(bench)
    print(learning_of(bench, reader))
    design = Design(
        knowledge=squad_pages.COLLECTION, tuned=(reader,), arms=("knowledge", "tuned", "tuned+knowledge"),
        top_k=squad_pages.MOST_SHOWN, early=False,
    )  # fmt: skip
    cases = squad_pages.cases(bench, squad_pages.loaded(bench))
    report = studied(bench, "reading learnt by tuning", cases, design)
    return held(
        report,
        [
            Ordering("tuned+knowledge", "knowledge"),
            Ordering("tuned+knowledge", "knowledge", "token_f1"),
            Ordering("tuned+knowledge", "tuned"),
        ],
    )
