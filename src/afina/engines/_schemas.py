"""Which JSON schemas the grammar compiler of OpenVINO GenAI is trusted with.

A schema that it cannot compile fails inside the batch, and the whole pipeline with it (measured with 2026.4: every
later step raises), so what is not known to compile is refused before it gets there.
"""

import json
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from afina.errors import BadRequest, Unsupported

TYPES = {"string", "integer", "number", "boolean", "null", "array", "object"}
PLAIN = {"type", "enum", "const", "required", "minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum",
         "exclusiveMinimum", "exclusiveMaximum", "$ref", "$schema", "$id", "title", "description", "default",
         "examples", "deprecated", "readOnly", "writeOnly", "strict"}  # fmt: skip
NESTED = {"properties", "$defs", "definitions"}
ONE = {"items", "additionalProperties"}
SEVERAL = {"anyOf", "prefixItems"}
MAX_BYTES, MAX_DEPTH = 65_536, 24


def checked_schema(schema: Mapping[str, Any]) -> str:
    """The schema as JSON text.

    Raises:
        BadRequest: it is no JSON schema, or too large.
        Unsupported: it uses a keyword that the engine cannot hold an answer to; names it.
    """
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as wrong:
        raise BadRequest(f"the schema is not a JSON schema: {wrong.message}", param="response_format") from None
    text = json.dumps(schema, ensure_ascii=False)
    if len(text.encode()) > MAX_BYTES:
        raise BadRequest(f"the schema has over {MAX_BYTES} bytes", param="response_format")
    _check(schema, root=schema, depth=0)
    return text


def _check(schema: Any, *, root: Mapping[str, Any], depth: int) -> None:
    if isinstance(schema, bool):
        return
    if depth > MAX_DEPTH:
        raise BadRequest(f"the schema is nested over {MAX_DEPTH} levels", param="response_format")
    known = PLAIN | NESTED | ONE | SEVERAL
    if unknown := sorted(set(schema) - known):
        raise Unsupported(
            f'the engine "openvino" cannot hold an answer to "{unknown[0]}"; it knows {", ".join(sorted(known))}',
            param="response_format",
        )
    if "$ref" in schema:
        _check_reference(schema["$ref"], root)
    parts = [part for key in NESTED & set(schema) for part in schema[key].values()]
    parts += [schema[key] for key in ONE & set(schema)]
    parts += [part for key in SEVERAL & set(schema) for part in schema[key]]
    for part in parts:
        _check(part, root=root, depth=depth + 1)


def _check_reference(reference: str, root: Mapping[str, Any]) -> None:
    place: Any = root
    for step in reference.removeprefix("#").strip("/").split("/") if reference != "#" else []:
        place = place.get(step) if isinstance(place, Mapping) else None
    if not reference.startswith("#") or place is None:
        raise BadRequest(f'the schema refers to "{reference}", which is not in it', param="response_format")
