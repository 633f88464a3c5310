"""Adapts foundation language models to the people who use them, and proves what each adaptation is worth.

    import afina
    with afina.open_workspace(afina.initialise(Path("work"))) as ws:
        afina.add(ws, Path("handbook"))
        print(afina.ask(ws, "How many days of leave are there?", model="documents").text)

Everything here is imported when it is first named; what waits (an answer, a study, a certificate) is waited for.
Inside an event loop use the modules of `afina.actions` themselves.
"""

import functools
import importlib
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from afina.actions.answered import answered as ask
    from afina.actions.compare import compare
    from afina.actions.ingest import add
    from afina.actions.initialise import initialise
    from afina.actions.promote import promote, roll_back
    from afina.actions.search import search
    from afina.actions.synthesise import synthesise
    from afina.actions.tune import tune
    from afina.actions.verify import verify
    from afina.domain.answer import Answer
    from afina.domain.ask import Scope
    from afina.domain.example import Case
    from afina.evaluation.design import Design
    from afina.workspace import Workspace, open_workspace

__all__ = [
    "Answer",
    "Case",
    "Design",
    "Scope",
    "Workspace",
    "add",
    "ask",
    "compare",
    "initialise",
    "open_workspace",
    "promote",
    "roll_back",
    "search",
    "synthesise",
    "tune",
    "verify",
]

_HOMES = {
    "Answer": "afina.domain.answer",
    "Case": "afina.domain.example",
    "Design": "afina.evaluation.design",
    "Scope": "afina.domain.ask",
    "Workspace": "afina.workspace",
    "add": "afina.actions.ingest",
    "ask": "afina.actions.answered:answered",
    "compare": "afina.actions.compare",
    "initialise": "afina.actions.initialise",
    "open_workspace": "afina.workspace",
    "promote": "afina.actions.promote",
    "roll_back": "afina.actions.promote",
    "search": "afina.actions.search",
    "synthesise": "afina.actions.synthesise",
    "tune": "afina.actions.tune",
    "verify": "afina.actions.verify",
}
"""Public name -> where it lives, as 'module' or 'module:name there'."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'afina' has no attribute {name!r}")
    module, _, there = _HOMES[name].partition(":")
    found = getattr(importlib.import_module(module), there or name)
    return _waiting(found) if inspect.iscoroutinefunction(found) else found


def __dir__() -> list[str]:
    return __all__


def _waiting(action: Any) -> Any:
    """An async action as a function that waits for it, on the event loop of its workspace."""

    @functools.wraps(action)
    def run(ws: "Workspace", *args: Any, **kwargs: Any) -> Any:
        return ws.portal.run(action(ws, *args, **kwargs))

    return run
