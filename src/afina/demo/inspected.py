"""Run in a child process: documentation of names that are written in C, by importing and looking at them.

Standard input: JSON, shown module -> real module -> names (none: all public ones).
Standard output: JSON, shown module -> list of (name, signature, docstring). Only the standard library is imported.
"""

import importlib
import inspect
import json
import re
import sys
import types

Row = tuple[str, str, str]


def rows(shown: str, real: str, names: list[str]) -> list[Row]:
    """Documented names of one module under the name by which users know it."""
    try:
        module = importlib.import_module(real)
    except ImportError:
        return []
    found: list[Row] = [(shown, "", inspect.getdoc(module) or "")] if shown == real else []
    for name in names or sorted(n for n in vars(module) if not n.startswith("_")):
        thing = vars(module).get(name)
        if isinstance(thing, type) and thing.__module__ == "builtins" != shown:
            continue  # 'mmap.error' is only another name of OSError
        if isinstance(thing, type):
            found += class_rows(f"{shown}.{name}", thing)
        elif isinstance(thing, types.BuiltinFunctionType | types.FunctionType):
            found.append((f"{shown}.{name}", signature(thing), inspect.getdoc(thing) or ""))
    return found


def class_rows(name: str, cls: type) -> list[Row]:
    """A class and its own public methods and attributes that say what they are."""
    doc = vars(cls).get("__doc__")
    found: list[Row] = [(name, signature(cls), doc if isinstance(doc, str) else "")]
    for member in (m for m in vars(cls) if not m.startswith("_")):
        thing = getattr(cls, member, None)
        doc = inspect.getdoc(thing) if callable(thing) else described(inspect.getattr_static(cls, member))
        found.append((f"{name}.{member}", signature(thing), doc or ""))
    return [(n, s, inspect.cleandoc(d)) for n, s, d in found]


def described(thing: object) -> str:
    """The docstring of an attribute kept in C; plain values only have that of their type."""
    if isinstance(thing, types.GetSetDescriptorType | types.MemberDescriptorType | property):
        return thing.__doc__ or ""
    return ""


def signature(thing: object) -> str:
    """'(x, /)'; empty where C does not say, or for what cannot be called."""
    if not callable(thing):
        return ""
    try:
        shown = str(inspect.signature(thing))
    except (ValueError, TypeError, AttributeError):
        return ""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", re.sub(r"^\((self|\$self|type|\$type)(, /)?(, )?", "(", shown))


def main() -> None:
    wanted: dict[str, dict[str, list[str]]] = json.load(sys.stdin)
    answer = {
        shown: [row for real, names in reals.items() for row in rows(shown, real, names)]
        for shown, reals in wanted.items()
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
