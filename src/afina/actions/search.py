"""Find passages of a collection, best first, with the scores of both searches."""

from collections.abc import Mapping

from afina.domain.document import Found
from afina.errors import BadRequest, NotFound, nearest
from afina.workspace import Workspace

MOST = 1000


def search(
    ws: Workspace, query: str, *, collection: str = "docs", top_k: int = 5, where: Mapping[str, str] | None = None
) -> list[Found]:
    """where: attribute -> value, all must match; 'document' and 'lang' are always there.

    Raises:
        NotFound: no such collection; names the nearest.
        BadRequest: an empty query, or top_k outside 1..1000.
    """
    if not query.strip():
        raise BadRequest("the query is empty; say what to look for", param="query")
    if not 1 <= top_k <= MOST:
        raise BadRequest(f"top_k is {top_k}; it must be from 1 to {MOST}", param="top_k")
    known = sorted({"docs", *ws.config.collections, *ws.passages.names(ws.scope)})
    if collection not in known:
        raise NotFound(f'no collection is called "{collection}"{nearest(collection, known)}')
    return ws.retriever(collection).search(ws.scope, query, top_k=top_k, where=where)
