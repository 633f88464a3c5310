"""The CPU time of everything that a recipe may ask."""

import math
import time
from collections.abc import Callable, Iterator

from afina import parts
from afina.contracts import Engine
from afina.domain.artefact import Recipe
from afina.workspace import Workspace


def cpu_of(ws: Workspace, recipe: Recipe) -> Callable[[], float | None]:
    """CPU-seconds so far of the engine of a recipe and of those that it may hand a request on to, each counted once.

    None where those of its own engine are not known; another one that is elsewhere adds none: it has prices. Engines
    in this process read one and the same clock: alone they answer with it, beside others they are left to whoever
    counts this process anyway (see evaluation.run.Gauge).
    """
    engines = [ws.engine(name) for name in dict.fromkeys(_engines(ws, recipe))]

    def seconds() -> float | None:
        first, *others = [_read(engine) for engine in engines]
        apart = [said for said, inside in (first, *others) if said is not None and not inside]
        return first[0] if first[0] is None or not apart else math.fsum(apart)

    return seconds


def _engines(ws: Workspace, recipe: Recipe) -> Iterator[str]:
    """Recipes that name each other in a circle were refused when they were checked."""
    yield recipe.engine
    for to, name, _ in parts.references(recipe):
        if to == "recipe":
            yield from _engines(ws, ws.recipe(name))


def _read(engine: Engine) -> tuple[float | None, bool]:
    """(CPU-seconds, whether they are those of this process)."""
    before, said, after = time.process_time(), engine.cpu_seconds(), time.process_time()
    return said, said is not None and before <= said <= after
