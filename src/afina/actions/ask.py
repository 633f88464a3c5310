"""Answer one request under a model name and keep the record of it."""

from collections.abc import AsyncIterator
from typing import Any

from afina.border import aclosing, in_thread
from afina.domain.answer import Answer, Failed, Finish, Piece, answer_of
from afina.domain.artefact import Recipe
from afina.domain.ask import Ask
from afina.domain.document import digest
from afina.errors import AfinaError
from afina.store import runs
from afina.workspace import Workspace


async def ask(ws: Workspace, request: Ask, *, model: str, run_id: str | None = None) -> AsyncIterator[Piece]:
    """The pieces of an answer. When it ends, however it ends, its record is saved, under `run_id` if one is given.

    Raises, before the first piece:
        NotFound: no such model. NotCertified: its certificate does not hold. TooLong, Unsupported, EngineError.
    """
    recipe = await in_thread(ws.recipe, model)
    answerer = await in_thread(ws.answerer, recipe)
    seen: list[Piece] = []
    try:
        async with aclosing(answerer(request)) as pieces:
            async for piece in pieces:
                seen.append(piece)
                yield piece
    except AfinaError as error:
        if not seen:
            raise
        failed = Failed(error.code, str(error))
        seen.append(failed)
        yield failed
    finally:
        if seen:
            await in_thread(runs.save, ws.store, request.scope, record(recipe, model, request, seen, run_id))


def record(recipe: Recipe, model: str, request: Ask, pieces: list[Piece], run_id: str | None = None) -> runs.Run:
    """What is worth keeping of an answer, without its words."""
    answer = answer_of(pieces)
    complete = any(isinstance(p, Finish) for p in pieces)
    body = _body(answer, request, complete=complete)
    return runs.Run(model, recipe.digest, answer.used.engine, body, run_id or runs.new_id())


def _body(answer: Answer, request: Ask, *, complete: bool) -> dict[str, Any]:
    account, used = answer.assembled, answer.used
    return {
        "question_sha256": digest(request.question),
        "answer_sha256": digest(answer.text),
        "finish": answer.finish if complete else "cancelled",
        "failed": answer.failed.code if answer.failed else None,
        "tokens": dict(account.tokens) if account else {},
        "left_out": list(account.left_out) if account else [],
        "passages": [{"id": f.passage.id, "lexical": f.lexical, "dense": f.dense} for f in answer.sources],
        "citations": [[c.start, c.end, c.source] for c in answer.citations],
        "used": {
            "prompt_tokens": used.prompt_tokens, "completion_tokens": used.completion_tokens,
            "cached_tokens": used.cached_tokens, "seconds": used.seconds, "first_s": used.first_s,
            "cpu_s": used.cpu_s, "cost": used.cost,
        },
        "chosen": [[c.chosen, c.why] for c in answer.chosen],
    }  # fmt: skip
