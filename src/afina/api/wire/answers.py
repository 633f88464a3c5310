"""Answers in OpenAI's chat shapes, whole and in chunks; what Afina adds stands under `afina`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from afina.domain.answer import (
    Assembled,
    Chose,
    Cited,
    Failed,
    Finish,
    Logprobs,
    Piece,
    Sources,
    Text,
    TokenLogprob,
    Used,
    used_by,
)
from afina.domain.document import Found

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """What every chunk of one answer repeats. created: Unix seconds."""

    id: str
    created: int
    model: str
    fingerprint: str
    run_id: str


@dataclass(slots=True)
class Heard:
    """The pieces of one request so far, by what the wire asks of them."""

    texts: dict[int, list[str]] = field(default_factory=dict)
    tokens: dict[int, list[TokenLogprob]] = field(default_factory=dict)
    cited: dict[int, list[Cited]] = field(default_factory=dict)
    finishes: dict[int, str] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    used: list[Used] = field(default_factory=list)
    chose: list[Chose] = field(default_factory=list)
    assembled: Assembled | None = None
    failed: Failed | None = None

    def hear(self, piece: Piece) -> None:
        match piece:
            case Text():
                self.texts.setdefault(piece.choice, []).append(piece.text)
            case Logprobs():
                self.tokens.setdefault(piece.choice, []).extend(piece.tokens)
            case Cited():
                self.cited.setdefault(piece.choice, []).append(piece)
            case Finish():
                self.finishes[piece.choice] = piece.reason
            case Sources():
                self.found.extend(piece.found)
            case _:
                self._hear_account(piece)

    def _hear_account(self, piece: Piece) -> None:
        match piece:
            case Used():
                self.used.append(piece)
            case Chose():
                self.chose.append(piece)
            case Assembled():
                self.assembled = piece
            case Failed() if self.failed is None:
                self.failed = piece

    def text(self, choice: int) -> str:
        return "".join(self.texts.get(choice, ()))


def completion(head: Head, heard: Heard, *, choices: int, logprobs: bool, metadata: JSON | None) -> JSON:
    """The whole answer: a chat.completion."""
    return {
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "choices": [choice_of(head, heard, n, logprobs=logprobs) for n in range(choices)],
        "usage": usage_of(heard.used),
        "system_fingerprint": answered_by(head, heard),
        "service_tier": "default",
        "metadata": metadata,
    }


def answered_by(head: Head, heard: Heard) -> str:
    """The engines that answered, as they say themselves; a routed recipe may have asked another than its own."""
    return ", ".join(dict.fromkeys(u.engine for u in heard.used if u.engine)) or head.fingerprint


def choice_of(head: Head, heard: Heard, choice: int, *, logprobs: bool) -> JSON:
    message = {
        "role": "assistant",
        "content": heard.text(choice),
        "refusal": None,
        "tool_calls": None,
        "function_call": None,
        "audio": None,
        "annotations": annotations(heard, choice),
        "afina": extras(head, heard, choice),
    }
    said = logprobs_of(heard.tokens.get(choice, ())) if logprobs else None
    return {"index": choice, "message": message, "logprobs": said, "finish_reason": heard.finishes[choice]}


def chunk(head: Head, *, choices: list[JSON], usage: JSON | None = None) -> JSON:
    """A chat.completion.chunk."""
    return {
        "id": head.id,
        "object": "chat.completion.chunk",
        "created": head.created,
        "model": head.model,
        "choices": choices,
        "usage": usage,
        "system_fingerprint": head.fingerprint,
        "service_tier": "default",
    }


def part(choice: int, delta: JSON, *, logprobs: JSON | None = None, finish: str | None = None) -> JSON:
    """One choice of a chunk."""
    return {"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": finish}


def usage_of(used: Sequence[Used]) -> JSON:
    """Tokens over all steps. The prompt is counted once, however many choices were made of it."""
    total = used_by(list(used))
    prompt = sum(u.prompt_tokens for u in used if u.choice == 0)
    cached = sum(u.cached_tokens for u in used if u.choice == 0)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": total.completion_tokens,
        "total_tokens": prompt + total.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def logprobs_of(tokens: Sequence[TokenLogprob]) -> JSON:
    return {"content": [_logprob(t.token, t.logprob) | {"top_logprobs": _tops(t)} for t in tokens], "refusal": None}


def _tops(token: TokenLogprob) -> list[JSON]:
    return [_logprob(other, logprob) for other, logprob in token.top]


def _logprob(token: str, logprob: float) -> JSON:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def annotations(heard: Heard, choice: int) -> list[JSON]:
    """Supported sentences in the shape that OpenAI gives web citations; the url names document, page and passage."""
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": cited.start,
                "end_index": cited.end,
                "title": heard.found[cited.source - 1].passage.document,
                "url": _url(heard.found[cited.source - 1]),
            },
        }
        for cited in heard.cited.get(choice, ())
        if cited.source is not None
    ]


def extras(head: Head, heard: Heard, choice: int) -> JSON:
    """What Afina knows of an answer beyond OpenAI's shape: sources, citations, the account of tokens, the run's id."""
    return {
        "run_id": head.run_id,
        "sources": [source(n, found) for n, found in enumerate(heard.found, start=1)],
        "citations": [citation(cited, heard) for cited in heard.cited.get(choice, ())],
        "prompt_parts": dict(heard.assembled.tokens) if heard.assembled else {},
        "left_out": list(heard.assembled.left_out) if heard.assembled else [],
        "chose": [{"chosen": c.chosen, "why": c.why} for c in heard.chose if c.choice == choice],
        "cost": used_by(heard.used).cost,
    }


def source(number: int, found: Found) -> JSON:
    """A passage that stood in the prompt, or that a search found; offsets are into the document's text."""
    passage = found.passage
    return {
        "number": number,
        "passage_id": passage.id,
        "document_id": passage.document_id,
        "document": passage.document,
        "page": passage.page,
        "heading": passage.heading,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "score": found.score,
        "lexical": found.lexical,
        "dense": found.dense,
    }


def citation(cited: Cited, heard: Heard) -> JSON:
    """A sentence of the answer and the words that support it; `supported` false has no source."""
    passage = heard.found[cited.source - 1].passage if cited.source is not None else None
    return {
        "start": cited.start,
        "end": cited.end,
        "supported": passage is not None,
        "source": cited.source,
        "quote": passage.text[cited.quote_start : cited.quote_end] if passage else None,
        "document": passage.document if passage else None,
        "page": passage.page if passage else None,
        "score": cited.score,
    }


def _url(found: Found) -> str:
    page = f"&page={found.passage.page}" if found.passage.page is not None else ""
    return f"afina:{found.passage.document_id}#passage={found.passage.id}{page}"
