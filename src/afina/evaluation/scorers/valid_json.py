"""Whether an answer is a JSON object and nothing else, with the keys and kinds of value that were asked for."""

from collections.abc import Mapping
from typing import Any

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._fields import strict, wanted


def score(case: Case, answer: Answer, /) -> Score:
    """1 or 0; no verdict where the case wants no object.

    The shape is that of the wanted object: every key that has a value there is there, and holds a value of the same
    kind (or null). Other keys may stand beside them: a schema may have optional ones.
    """
    gold, said = wanted(case), strict(answer.text.strip())
    if gold is None:
        return Score(None, "the case has no fields")
    why = "not a JSON object" if said is None else _fault(gold, said, "")
    return Score(float(not why), why)


def _fault(gold: Any, said: Any, path: str) -> str:
    """The first place where two values are of different kinds; '' if nowhere."""
    if gold is None or said is None:
        return ""
    if _kind(gold) != _kind(said):
        return f"{path or 'the whole'} is {_kind(said)}, not {_kind(gold)}"
    if isinstance(gold, Mapping):
        missing = [name for name in gold if name not in said and gold[name] is not None]
        if missing:
            return f"{path + '.' if path else ''}{missing[0]} is missing"
        inside = (_fault(gold[name], said[name], f"{path}.{name}" if path else name) for name in gold if name in said)
        return next(filter(None, inside), "")
    if isinstance(gold, list | tuple) and gold:
        return next(filter(None, (_fault(gold[0], one, f"{path}[]") for one in said)), "")
    return ""


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else "text"
