"""Ask and wait: the whole answer to one question, for scripts and sync callers."""

from dataclasses import replace

from afina.actions.ask import ask
from afina.actions.load import load
from afina.domain.answer import Answer, collected
from afina.domain.ask import Sampling, ask_of
from afina.workspace import Workspace


def answered(ws: Workspace, question: str, *, model: str | None = None, sampling: Sampling | None = None) -> Answer:
    """The answer to one question under a model name; its record is saved. Not to be called from an event loop.

    model: None is the first recipe of afina.toml; without recipes, the base of the workspace's engine.

    Raises:
        NotFound, NotCertified, TooLong, Unsupported, EngineError: before anything was said; later `failed` is set.
    """
    load(ws, model)
    request = ask_of(question, scope=ws.scope, sampling=sampling)
    if sampling is not None:
        request = replace(request, given=frozenset(_set_in(sampling)))
    return ws.portal.run(collected(ask(ws, request, model=model or ws.config.default_model)))


def _set_in(sampling: Sampling) -> list[str]:
    plain = Sampling()
    return [name for name in plain.__slots__ if getattr(sampling, name) != getattr(plain, name)]
