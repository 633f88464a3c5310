"""The documents that a search put first, by the names that a case has for them, and how good that order is."""

import math
from collections.abc import Callable, Mapping, Sequence

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case


def ranked_score(case: Case, answer: Answer, figure: Callable[[Sequence[str], Mapping[str, float]], float]) -> Score:
    """In [0, 1]; no verdict where the case has no relevant document, or nothing was ranked at all."""
    ranked = ranked_documents(case, answer)
    if ranked is None:
        return Score(None, "nothing was ranked")
    value = figure(ranked, case.relevant)
    return Score(None, "no document is relevant") if math.isnan(value) else Score(value)


def ranked_documents(case: Case, answer: Answer) -> list[str] | None:
    """Names of the documents found, best first, each once, at the place of its best passage; None if nothing ranked.

    A case may name a document by the end of its path.
    """
    if answer.ranked is None:
        return None
    found = dict.fromkeys(f.passage.document for f in answer.ranked.found)
    return list(dict.fromkeys(_called(name, case) for name in found))


def _called(document: str, case: Case) -> str:
    if document in case.relevant:
        return document
    return next((name for name in case.relevant if document.endswith(f"/{name}")), document)
