"""Finding the documents that answer a query. Doing nothing is the search by words (BM25)."""

from afina.domain.artefact import Stage
from afina.evaluation.task import COLLECTION, Task

DEPTH = 100
"""Documents that a search gives: as many as the deepest figure looks at."""


def searching(fusion: str) -> tuple[Stage, ...]:
    options = {"collection": COLLECTION, "top_k": DEPTH, "each_document_once": True, "retriever": {"fusion": fusion}}
    return (Stage("search", options),)


TASK = Task(
    name="search",
    primary="ndcg_at_10",
    scorers=("ndcg_at_10", "recall_at_10", "recall_at_100", "mrr_at_10"),
    shown=("recall_at_10", "recall_at_100", "mrr_at_10"),
    max_tokens=1,
    arms=("base", "dense", "hybrid"),
    controls={"base": searching("lexical"), "dense": searching("dense"), "hybrid": searching("convex")},
)
