"""Ask a question and see what supports the answer."""

import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer

from afina.actions.ask import ask
from afina.actions.load import load
from afina.border import Portal
from afina.cli._screen import say, say_json, telling
from afina.cli._workspace import WorkspaceOption, opened
from afina.domain.answer import Answer, Cited, Piece, Text, answer_of
from afina.domain.ask import Ask, Sampling
from afina.domain.document import Found
from afina.domain.message import Message
from afina.errors import BadRequest, EngineError
from afina.store.runs import new_id


def run(
    question: Annotated[str, typer.Argument(help="The question; - reads it from standard input.")],
    model: Annotated[str | None, typer.Option("--model", "-m", help="Model name; see afina models.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="The longest answer, in tokens.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole answer as JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Ask a question and see what supports the answer."""
    asked = sys.stdin.read() if question == "-" else question
    if not asked.strip():
        raise BadRequest("the question is empty", param="question")
    with opened(workspace) as ws:
        given = frozenset({"max_tokens"}) if max_tokens else frozenset()
        request = Ask(ws.scope, (Message("user", asked.strip()),), Sampling(max_tokens=max_tokens), given=given)
        run_id, name = new_id(), model or ws.config.default_model
        with telling() as tell:
            load(ws, name, tell=tell)
        pieces = drained(ask(ws, request, model=name, run_id=run_id), shown=not as_json)
        answer = answer_of(pieces)
    if as_json:
        say_json(answer_json(answer, model=name, run_id=run_id))
    else:
        for line in footnotes(answer):
            say(line)
    if answer.failed is not None:
        raise EngineError(answer.failed.message)


def drained(stream: AsyncIterator[Piece], *, shown: bool) -> list[Piece]:
    """All pieces of an answer, its text printed as it comes."""
    portal, pieces = Portal(), []
    try:
        for piece in portal.each(stream):
            pieces.append(piece)
            if shown and isinstance(piece, Text):
                print(piece.text, end="", flush=True)
    finally:
        portal.close()
        if shown:
            print(flush=True)
    return pieces


def footnotes(answer: Answer) -> list[str]:
    """Numbered sources with the words that support each sentence, then the sentences that nothing supports."""
    if not answer.sources:
        return []
    lines = ["", "Sources"]
    for number, found in enumerate(answer.sources, start=1):
        quotes = dict.fromkeys(quote_of(found, c) for c in answer.citations if c.source == number)
        lines.append(f"  [{number}] {place_of(found)}")
        lines += [f'      "{quote}"' for quote in quotes]
    unsupported = [c for c in answer.citations if c.source is None]
    if unsupported:
        lines += ["", "Not supported by the sources"]
        lines += dict.fromkeys(f"  - {' '.join(answer.text[c.start : c.end].split())}" for c in unsupported)
    return lines


def place_of(found: Found) -> str:
    """'handbook/leave.md, page 3: Leave > Parents'."""
    passage = found.passage
    page = f", page {passage.page}" if passage.page is not None else ""
    heading = f": {passage.heading}" if passage.heading else ""
    return f"{passage.document}{page}{heading}"


def answer_json(answer: Answer, *, model: str, run_id: str) -> dict[str, Any]:
    """An answer for programs; offsets count characters of `text` and of each source's `text`."""
    return {
        "model": model,
        "run_id": run_id,
        "text": answer.text,
        "finish": answer.finish,
        "sources": [source_json(n, f) for n, f in enumerate(answer.sources, start=1)],
        "citations": [
            {
                "start": c.start,
                "end": c.end,
                "supported": c.source is not None,
                "source": c.source,
                "quote": answer.sources[c.source - 1].passage.text[c.quote_start : c.quote_end] if c.source else None,
                "score": c.score,
            }
            for c in answer.citations
        ],
        "prompt_parts": dict(answer.assembled.tokens) if answer.assembled else {},
        "left_out": list(answer.assembled.left_out) if answer.assembled else [],
        "used": answer.used,
        "failed": answer.failed,
    }


def source_json(number: int, found: Found) -> dict[str, Any]:
    passage = found.passage
    return {
        "number": number,
        "document": passage.document,
        "page": passage.page,
        "heading": passage.heading,
        "passage_id": passage.id,
        "text": passage.text,
        "lexical": found.lexical,
        "dense": found.dense,
    }


def quote_of(found: Found, cited: Cited) -> str:
    return " ".join(found.passage.text[cited.quote_start : cited.quote_end].split())
