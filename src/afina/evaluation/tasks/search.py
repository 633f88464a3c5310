"""Finding the documents that answer a query. Doing nothing is the search by words (BM25)."""

from afina.evaluation.task import Task

TASK = Task(
    name="search",
    primary="ndcg_at_10",
    scorers=("ndcg_at_10", "recall_at_10", "recall_at_100", "mrr_at_10"),
    shown=("recall_at_10", "recall_at_100", "mrr_at_10"),
    max_tokens=1,
    arms=("base", "dense", "hybrid"),
)
