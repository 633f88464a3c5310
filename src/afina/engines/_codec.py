"""Prompts, pieces, scores and errors as JSON values: what travels between processes, one of which holds an engine.

One line of NDJSON carries one piece, or one error (`{"type": "error", ...}`), which is the last line. Numbers that
JSON cannot write (NaN: not known) travel as null.
"""

import json
import math
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from afina.contracts import Capabilities, Engine, EngineCard, Prompt, Scored
from afina.domain.answer import Failed, Finish, Logprobs, Piece, Text, TokenLogprob, Used
from afina.domain.ask import Sampling
from afina.domain.message import Message
from afina.errors import (
    AfinaError,
    BadRequest,
    BrokenArtefact,
    ConfigError,
    EngineError,
    EngineTimeout,
    NotCertified,
    NotFound,
    TooLong,
    Unsupported,
)

JSON = dict[str, Any]

PIECES: dict[str, type[Piece]] = {kind.__name__: kind for kind in (Text, Used, Finish, Failed)}
ERRORS: dict[str, type[AfinaError]] = {
    kind.code: kind for kind in (NotFound, NotCertified, BrokenArtefact, ConfigError, EngineTimeout, EngineError)
}


def encode_messages(messages: Iterable[Message]) -> list[JSON]:
    return [{"role": m.role, "content": m.content} for m in messages]


def decode_messages(rows: Iterable[Mapping[str, Any]]) -> tuple[Message, ...]:
    return tuple(Message(row["role"], row["content"]) for row in rows)


def encode_prompt(prompt: Prompt) -> JSON:
    sampling = asdict(prompt.sampling) | {
        "stop": list(prompt.sampling.stop),
        "logit_bias": {str(token): value for token, value in prompt.sampling.logit_bias.items()},
    }
    return {
        "messages": encode_messages(prompt.messages),
        "sampling": sampling,
        "adapter": prompt.adapter,
        "schema": dict(prompt.schema) if prompt.schema is not None else None,
        "tools": [dict(tool) for tool in prompt.tools],
        "deadline_s": prompt.deadline_s,
    }


def decode_prompt(row: Mapping[str, Any]) -> Prompt:
    """Raises BadRequest for a row that is not a prompt."""
    try:
        sampling = dict(row["sampling"])
        sampling["stop"] = tuple(sampling["stop"])
        sampling["logit_bias"] = {int(token): float(value) for token, value in sampling["logit_bias"].items()}
        return Prompt(
            messages=decode_messages(row["messages"]),
            sampling=Sampling(**sampling),
            adapter=row["adapter"],
            schema=row["schema"],
            tools=tuple(row["tools"]),
            deadline_s=row["deadline_s"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadRequest(f"not a prompt: {error!r}") from error


def encode_piece(piece: Piece) -> JSON:
    """A piece that an engine sends: Text, Logprobs, Used, Finish or Failed."""
    row = asdict(piece) | {"type": type(piece).__name__}
    return row if isinstance(piece, Logprobs) or row["type"] in PIECES else _unknown(piece)


def decode_piece(row: Mapping[str, Any]) -> Piece:
    """Raises EngineError for a row that is no piece."""
    fields = {name: value for name, value in row.items() if name != "type"}
    try:
        if row["type"] == "Logprobs":
            tokens = (TokenLogprob(t["token"], t["logprob"], _pairs(t["top"])) for t in fields.pop("tokens"))
            return Logprobs(tokens=tuple(tokens), **fields)
        return PIECES[row["type"]](**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise EngineError(f"the engine's process sent what is no piece: {error!r}") from error


def encode_scored(scored: Scored) -> JSON:
    row = {name: list(values) for name, values in asdict(scored).items()}
    for name in ("logprobs", "best_logprobs", "gaps"):
        row[name] = [value if math.isfinite(value) else None for value in row[name]]
    return row


def decode_scored(row: Mapping[str, Any]) -> Scored:
    def numbers(name: str) -> tuple[float, ...]:
        return tuple(math.nan if value is None else float(value) for value in row[name])

    return Scored(
        prompt_ids=tuple(row["prompt_ids"]),
        ids=tuple(row["ids"]),
        logprobs=numbers("logprobs"),
        best=tuple(row["best"]),
        best_logprobs=numbers("best_logprobs"),
        gaps=numbers("gaps"),
    )


def encode_card(card: EngineCard) -> JSON:
    return asdict(card)


def decode_card(row: Mapping[str, Any]) -> EngineCard:
    return EngineCard(**{**row, "can": Capabilities(**row["can"])})


def encode_error(error: AfinaError) -> JSON:
    row: JSON = {"type": "error", "code": error.code, "message": str(error)}
    for name in ("param", "retriable", "prompt_tokens", "max_tokens", "context_tokens"):
        if (value := getattr(error, name, None)) is not None:
            row[name] = value
    return row


def decode_error(row: Mapping[str, Any]) -> AfinaError:
    """The error that was encoded; one of an unknown kind becomes an EngineError with its message."""
    code, message = row.get("code", ""), str(row.get("message", "the engine's process failed"))
    if code == TooLong.code and "context_tokens" in row:
        counts = {name: int(row[name]) for name in ("prompt_tokens", "max_tokens", "context_tokens")}
        return TooLong(**counts)
    if code in (Unsupported.code, BadRequest.code, TooLong.code):  # of TooLong without counts, the message is left
        return (Unsupported if code == Unsupported.code else BadRequest)(message, param=row.get("param"))
    kind = ERRORS.get(code, EngineError)
    if issubclass(kind, EngineError):
        return kind(message, retriable=bool(row.get("retriable", False)))
    return kind(message)


async def lines_of(engine: Engine, prompt: Prompt) -> AsyncIterator[bytes]:
    """An engine's stream as lines of NDJSON; an error before the first piece is a line too. Never raises AfinaError."""
    try:
        async with aclosing(engine.generate(prompt)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                yield line_of(encode_piece(piece))
    except AfinaError as error:
        yield line_of(encode_error(error))


def line_of(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _pairs(rows: Sequence[Sequence[Any]]) -> tuple[tuple[str, float], ...]:
    return tuple((str(token), float(logprob)) for token, logprob in rows)


def _unknown(piece: Piece) -> JSON:
    raise TypeError(f"{type(piece).__name__} is not a piece that engines send")
