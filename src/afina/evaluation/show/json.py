"""A report as plain JSON values: every field of `domain/report.py` under its own name, so that programs can rely on it.

docs/reports.md tells the fields. `SCHEMA` changes when one is taken away or changes its meaning; new ones may be added.
"""

import json
import math
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from typing import Any

from afina.domain.report import Comparison, Report

SCHEMA = "afina.report/1"


def as_json(report: Report) -> dict[str, Any]:
    """Objects, lists, text, numbers, true, false and null only. Shares are fractions; null is 'not known'."""
    whole: dict[str, Any] = plain(report)
    whole["texts"] = {digest: {"role": role, "content": text} for digest, (role, text) in report.texts.items()}
    return {"schema": SCHEMA, **whole}


def text(report: Report) -> str:
    return json.dumps(as_json(report), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """A value of a report as JSON knows it; a comparison also says whether it tells its arms apart."""
    if is_dataclass(value) and not isinstance(value, type):
        found = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        return {**found, "told_apart": value.told_apart} if isinstance(value, Comparison) else found
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Set):
        return sorted(plain(item) for item in value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
