"""Errors are exceptions until the first piece of a stream and `Failed` pieces after it."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from afina.domain.answer import Failed, Finish, Piece
from afina.errors import AfinaError


async def failing_late(stream: AsyncIterator[Piece], *, choices: int = 1) -> AsyncIterator[Piece]:
    """Pass a stream on; an error after the first piece becomes a Failed for each choice that had not finished."""
    started, finished = False, set[int]()
    try:
        async with aclosing(stream) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                started = True
                if isinstance(piece, Finish):
                    finished.add(piece.choice)
                yield piece
    except AfinaError as error:
        if not started:
            raise
        for choice in set(range(choices)) - finished:
            yield Failed(choice=choice, code=error.code, message=str(error))
