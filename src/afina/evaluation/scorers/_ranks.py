"""The documents that a search put first, by the names that a case has for them."""

from afina.domain.answer import Answer
from afina.domain.example import Case


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
