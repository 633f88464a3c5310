"""The body of a chat request: checked, then turned into an `Ask`. What cannot be obeyed is refused by name."""

from collections.abc import Mapping
from typing import Any, Literal

from jsonschema import Draft202012Validator, SchemaError
from pydantic import BaseModel, ConfigDict, Field

from afina.domain.ask import Ask, Sampling, Scope
from afina.domain.message import Message
from afina.errors import BadRequest, Unsupported

ONLY: Mapping[str, tuple[Any, ...]] = {
    "tools": (None, []),
    "tool_choice": (None, "none", "auto"),
    "functions": (None, []),
    "function_call": (None, "none", "auto"),
    "audio": (None,),
    "modalities": (None, ["text"]),
    "web_search_options": (None,),
    "moderation": (None,),
    "store": (None, False),
    "reasoning_effort": (None, "none"),
    "verbosity": (None, "medium"),
    "service_tier": (None, "auto", "default"),
}
"""Known fields of OpenAI's that Afina cannot obey, and the values that ask for nothing; any other is refused."""

HINTS = ("parallel_tool_calls", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "prediction")
"""Fields that may make an answer faster and never make it another one: accepted, without effect."""

MAX_SCHEMA_DEPTH = 32

Role = Literal["system", "developer", "user", "assistant"]


class ChatMessage(BaseModel):
    """One turn; content is text, or parts of text."""

    model_config = ConfigDict(extra="allow", strict=True)

    role: Role
    content: str | list[dict[str, Any]] | None = None


class JsonSchema(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, populate_by_name=True)

    name: str = Field(min_length=1, max_length=64)
    body: dict[str, Any] = Field(alias="schema")


class ResponseFormat(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ChatRequest(BaseModel):
    """What Afina obeys; other known fields are in ONLY and HINTS, unknown ones are accepted without effect."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: str = Field(min_length=1)
    messages: list[ChatMessage] = Field(min_length=1, max_length=2048)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    n: int | None = Field(default=None, ge=1, le=128)
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    logit_bias: dict[str, float] | None = None
    response_format: ResponseFormat | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    metadata: dict[str, str] | None = Field(default=None, max_length=16)
    user: str | None = None
    safety_identifier: str | None = None


def ask_from(request: ChatRequest, *, project: str) -> Ask:
    """The request as Afina's own value.

    Raises:
        BadRequest, Unsupported: with the field in `param`.
    """
    refuse_unsupported(request.model_extra or {})
    if request.stream_options is not None and not request.stream:
        raise BadRequest("stream_options goes with stream: true", param="stream_options")
    if request.stream_options is not None and request.stream_options.include_obfuscation:
        raise Unsupported("chunks are never padded; leave it out", param="stream_options.include_obfuscation")
    sampling = sampling_from(request)
    return Ask(
        Scope(project=project, user=request.user or request.safety_identifier),
        tuple(message_from(m, f"messages[{i}]") for i, m in enumerate(request.messages)),
        sampling,
        schema=schema_from(request.response_format),
        given=given_in(request),
    )


SAMPLING_FIELDS = (
    "temperature", "top_p", "seed", "n", "stop", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs",
    "logit_bias",
)  # fmt: skip
"""Fields with the same name on the wire and in `Sampling`."""


def given_in(request: ChatRequest) -> frozenset[str]:
    """Which fields of `Sampling` the client set: a recipe's defaults must not override them."""
    names = {name for name in SAMPLING_FIELDS if getattr(request, name) is not None}
    return frozenset(names | ({"max_tokens"} if max_tokens_from(request) is not None else set()))


def refuse_unsupported(extra: Mapping[str, Any]) -> None:
    for name, nothing in ONLY.items():
        if name in extra and extra[name] not in nothing:
            raise Unsupported(f"{name} is not supported by Afina; leave it out", param=name)


def message_from(message: ChatMessage, param: str) -> Message:
    """A turn with its parts joined. What would be lost (tool calls, a name, an image) is refused."""
    for name, value in (message.model_extra or {}).items():
        if name in ("name", "tool_calls", "function_call", "audio", "refusal") and value:
            raise Unsupported(f"{name} of a message is not supported by Afina", param=f"{param}.{name}")
    if message.content is None:
        raise BadRequest("a message needs content", param=f"{param}.content")
    if isinstance(message.content, str):
        return Message(message.role, message.content)
    parts = (text_of(part, f"{param}.content[{i}]") for i, part in enumerate(message.content))
    return Message(message.role, "\n".join(parts))


def text_of(part: Mapping[str, Any], param: str) -> str:
    kind = part.get("type")
    if kind != "text":
        raise Unsupported(f'a part of type "{kind}" is not supported by Afina; send text', param=f"{param}.type")
    text = part.get("text")
    if not isinstance(text, str):
        raise BadRequest("a text part needs text", param=f"{param}.text")
    return text


def sampling_from(request: ChatRequest) -> Sampling:
    if request.top_logprobs and not request.logprobs:
        raise BadRequest("top_logprobs goes with logprobs: true", param="top_logprobs")
    given = {name: getattr(request, name) for name in SAMPLING_FIELDS if getattr(request, name) is not None}
    given |= {"stop": stops_from(request.stop), "logit_bias": biases_from(request.logit_bias or {})}
    return Sampling(max_tokens=max_tokens_from(request), **given)


def max_tokens_from(request: ChatRequest) -> int | None:
    old, new = request.max_tokens, request.max_completion_tokens
    if old is not None and new is not None and old != new:
        raise BadRequest("max_tokens and max_completion_tokens say different things; send one", param="max_tokens")
    return new if new is not None else old


def stops_from(stop: str | list[str] | None) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if len(stops) > 4 or not all(stops):
        raise BadRequest("stop is at most 4 sequences, none of them empty", param="stop")
    return stops


def biases_from(biases: Mapping[str, float]) -> dict[int, float]:
    if not all(token.isdecimal() and -100 <= bias <= 100 for token, bias in biases.items()):
        raise BadRequest("logit_bias maps token ids to numbers from -100 to 100", param="logit_bias")
    return {int(token): bias for token, bias in biases.items()}


def schema_from(wanted: ResponseFormat | None) -> Mapping[str, Any] | None:
    """The JSON schema that the answer must obey; None is free text."""
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return {"type": "object"}
    if wanted.json_schema is None:
        raise BadRequest("type json_schema needs a json_schema", param="response_format.json_schema")
    schema, param = wanted.json_schema.body, "response_format.json_schema.schema"
    refuse_far_references(schema, param)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise BadRequest(f"not a JSON schema: {error.message}", param=param) from error
    return schema


def refuse_far_references(schema: Any, param: str, *, depth: int = 0) -> None:
    """Nothing is fetched, and nothing nests without end."""
    if depth > MAX_SCHEMA_DEPTH:
        raise BadRequest(f"the schema nests deeper than {MAX_SCHEMA_DEPTH}", param=param)
    if isinstance(schema, Mapping):
        reference = schema.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            raise Unsupported(f'$ref "{reference}" points outside the schema', param=param)
    inside = schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ()
    for part in inside:
        refuse_far_references(part, param, depth=depth + 1)
