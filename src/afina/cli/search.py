"""Search a collection: the passages found, with both scores, heading and page."""

from typing import Annotated

import typer

from afina.actions.search import search
from afina.cli._screen import say, say_json
from afina.cli._workspace import WorkspaceOption, opened
from afina.domain.document import Found
from afina.errors import BadRequest

MOST_CHARS = 400


def run(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to look for.")],
    *,
    collection: Annotated[str, typer.Option("--collection", "-c", help="Where to look.")] = "docs",
    top_k: Annotated[int, typer.Option("--top", "-k", help="How many passages at most.")] = 5,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="NAME=VALUE", help="Only what matches: document=..., lang=..., an attribute."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    with opened(workspace) as ws:
        found = search(ws, query, collection=collection, top_k=top_k, where=filters(where or []))
    if as_json:
        say_json([each(f) for f in found])
        return
    if not found:
        say("nothing found")
    for number, one in enumerate(found, start=1):
        say(f"{number}. {place(one)}  [{scores(one)}]")
        say("   " + " ".join(one.passage.text.split())[:MOST_CHARS])


def filters(given: list[str]) -> dict[str, str]:
    """'name=value' each; raises BadRequest."""
    for text in given:
        if "=" not in text:
            raise BadRequest(f'--where {text}: say it as NAME=VALUE, for instance "lang=en"', param="where")
    return dict(text.split("=", 1) for text in given)


def place(found: Found) -> str:
    """'file.pdf, page 3, Chapter > Section'."""
    passage = found.passage
    page = "" if passage.page is None else f"page {passage.page}"
    return ", ".join(part for part in (passage.document, page, passage.heading) if part)


def scores(found: Found) -> str:
    """'score 0.812, lexical 12.40, dense 0.655'; a search that took no part is left out."""
    parts = [f"score {found.score:.3f}"]
    parts += [] if found.lexical is None else [f"lexical {found.lexical:.2f}"]
    parts += [] if found.dense is None else [f"dense {found.dense:.3f}"]
    return ", ".join(parts)


def each(found: Found) -> dict[str, object]:
    passage = found.passage
    return {
        "document": passage.document,
        "page": passage.page,
        "heading": passage.heading,
        "text": passage.text,
        "start": passage.start,
        "end": passage.end,
        "lang": passage.lang,
        "passage_id": passage.id,
        "score": found.score,
        "lexical": found.lexical,
        "dense": found.dense,
    }
