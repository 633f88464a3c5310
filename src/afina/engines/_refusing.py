"""What every engine checks before it works: fields it cannot obey, and prompts that do not fit."""

from afina.contracts import EngineCard, Prompt
from afina.errors import BadRequest, TooLong, Unsupported

DEFAULT_ANSWER_TOKENS = 512
"""The most tokens of an answer when nobody said how many; less where the context leaves less."""


def refuse_unsupported(prompt: Prompt, card: EngineCard) -> None:
    """Check a prompt against what an engine can.

    Raises:
        Unsupported: names the first field (as it is called on the wire) that the engine cannot obey.
        BadRequest: a field has an impossible value.
    """
    can, sampling = card.can, prompt.sampling
    asked = (
        ("model", "an adapter", prompt.adapter is not None, can.adapters),
        ("logprobs", "logprobs", sampling.logprobs or sampling.top_logprobs > 0, can.logprobs),
        ("top_logprobs", "top_logprobs", sampling.top_logprobs > 0, can.top_logprobs > 0),
        ("logit_bias", "logit_bias", bool(sampling.logit_bias), can.logit_bias),
        ("response_format", "a schema (response_format)", prompt.schema is not None, can.schema),
        ("tools", "tools", bool(prompt.tools), can.tools),
        ("seed", "seed", sampling.seed is not None and sampling.temperature > 0, can.seed),
    )
    for param, what, wanted, able in asked:
        if wanted and not able:
            raise Unsupported(f'the engine "{card.engine}" ({card.model}) cannot obey {what}', param=param)
    if sampling.top_logprobs > can.top_logprobs:
        raise Unsupported(
            f'top_logprobs is {sampling.top_logprobs}, but the engine "{card.engine}" gives at most {can.top_logprobs}',
            param="top_logprobs",
        )
    refuse_impossible(prompt)


def refuse_impossible(prompt: Prompt) -> None:
    """Check values that no engine could obey; raises BadRequest naming the field."""
    sampling = prompt.sampling
    rules = (
        ("messages", len(prompt.messages), bool(prompt.messages), "at least one message"),
        ("temperature", sampling.temperature, sampling.temperature >= 0, "0 or more"),
        ("top_p", sampling.top_p, 0 < sampling.top_p <= 1, "over 0 and at most 1"),
        ("n", sampling.n, sampling.n >= 1, "1 or more"),
        ("max_tokens", sampling.max_tokens, sampling.max_tokens is None or sampling.max_tokens >= 1, "1 or more"),
        ("stop", sampling.stop, all(sampling.stop), "strings that are not empty"),
    )
    for param, value, holds, rule in rules:
        if not holds:
            raise BadRequest(f"{param} is {value!r}; it must be {rule}", param=param)


def room_for_answer(prompt_tokens: int, max_tokens: int | None, context_tokens: int) -> int:
    """How many tokens an answer may have.

    Raises:
        TooLong: the prompt, or the prompt with the tokens that were asked for, does not fit.
    """
    room = context_tokens - prompt_tokens
    if room < (max_tokens or 1):
        raise TooLong(prompt_tokens=prompt_tokens, max_tokens=max_tokens or 1, context_tokens=context_tokens)
    return max_tokens or min(room, DEFAULT_ANSWER_TOKENS)
