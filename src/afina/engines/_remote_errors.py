"""What a refusal of an OpenAI-compatible server means, whatever form it has."""

import json
import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from afina.errors import AfinaError, BadRequest, EngineError, TooLong, Unsupported

LONGEST_WAIT_S = 120.0
"""A server that wants a longer pause is taken to have refused."""
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
TOO_LONG = re.compile(
    r"context[ _-]?(length|size|window)|maximum context|too many tokens|exceed_context", re.IGNORECASE
)
_LIMIT = re.compile(r"(?:context (?:length|size|window)(?: is| of)?|n_ctx\D{1,4})\s*\(?(\d+)", re.IGNORECASE)
_PROMPT = re.compile(r"(\d+) (?:tokens )?in (?:the|your) (?:messages|prompt)|resulted in (\d+) tokens", re.IGNORECASE)


class RefusedError(EngineError):
    """A refusal with a status. retry_after_s: how long the server asked to be left alone."""

    def __init__(self, message: str, *, retriable: bool, retry_after_s: float | None = None) -> None:
        super().__init__(message, retriable=retriable)
        self.retry_after_s = retry_after_s


def refusal(
    response: httpx2.Response, body: bytes, *, asked: tuple[int, int, int], where: str, hide: Callable[[str], str]
) -> AfinaError:
    """The error that a reply with another status than 200 stands for.

    asked: estimated prompt tokens, tokens wanted, tokens of context; used where the server does not tell them.
    hide: takes secrets out of a text.
    """
    error = error_in(body)
    status, text = response.status_code, hide(str(error.get("message") or _plain(body)))[:300]
    if status in (400, 413, 422) and (
        status == 413 or TOO_LONG.search(f"{error.get('code')} {error.get('type')} {text}")
    ):
        return too_long(error, text, asked=asked)
    if status in (400, 422):
        param = str(error["param"]) if error.get("param") else None
        kind = Unsupported if "unsupported" in str(error.get("code")) else BadRequest
        return kind(f"{where} refused the request: {text}", param=param)
    if status in (401, 403):
        return EngineError(f"{where} does not accept the key (status {status}): {text}")
    if status == 404:
        return EngineError(f"{where} knows no such model or address (status 404): {text}")
    wait = wait_of(response.headers)
    again = status in AGAIN and (wait is None or wait <= LONGEST_WAIT_S)
    return RefusedError(f"{where} answered with status {status}: {text}", retriable=again, retry_after_s=wait)


def too_long(error: Mapping[str, Any], text: str, *, asked: tuple[int, int, int]) -> TooLong:
    """The counts that a server tells, in a field or in words; else the estimates."""
    limit, prompt = _LIMIT.search(text), _PROMPT.search(text)
    told = next((group for group in prompt.groups() if group), None) if prompt else None
    return TooLong(
        prompt_tokens=int(error.get("n_prompt_tokens") or told or asked[0]),
        max_tokens=asked[1],
        context_tokens=int(error.get("n_ctx") or (limit.group(1) if limit else asked[2])),
    )


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as retry-after-ms or retry-after say (seconds, or a date); None if they say nothing sensible."""
    try:
        if "retry-after-ms" in headers:
            return max(float(headers["retry-after-ms"]) / 1000, 0.0)
        if "retry-after" in headers:
            return max(float(headers["retry-after"]), 0.0)
    except ValueError:
        return _until(headers.get("retry-after", ""), headers.get("date", ""))
    return None


def error_in(body: bytes) -> Mapping[str, Any]:
    """The error object of a JSON body; empty if it is none."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    error = value.get("error", value) if isinstance(value, dict) else {}
    return error if isinstance(error, dict) else {"message": str(error)}


def _until(moment: str, now: str) -> float | None:
    """From the server's own date to the moment it names: its clock need not be ours."""
    try:
        return max((parsedate_to_datetime(moment) - parsedate_to_datetime(now)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _plain(body: bytes) -> str:
    """A body that is no JSON, as a few words."""
    text = re.sub(r"<[^>]*>|\s+", " ", body[:2000].decode(errors="replace"))
    return re.sub(r" +", " ", text).strip() or "nothing"
