"""Long work in steps: a finished step is not done again while what went into it stays the same."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from afina.domain.document import digest
from afina.domain.progress import Progress, Tell, silent
from afina.store import meta
from afina.store.db import Store

Outcome = Mapping[str, Any]
"""What a step leaves behind for later ones, as JSON values."""


@dataclass(frozen=True, slots=True)
class Step:
    """usual_s: seconds it takes on two cores; what the time left is reckoned from until it is known better."""

    name: str
    title: str
    usual_s: float


class Steps:
    """Takes steps in order, remembers their outcomes in the workspace, tells how far all of them are."""

    def __init__(
        self,
        store: Store,
        *,
        plan: tuple[Step, ...],
        key: str,
        tell: Tell = silent,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._plan, self._key, self._tell, self._clock = store, plan, key, tell, clock
        self._started = clock()
        self._done: dict[str, str] = {}

    @property
    def elapsed_s(self) -> float:
        return self._clock() - self._started

    def usual_after_s(self, name: str) -> float:
        """Seconds that the steps after `name` usually take."""
        names = [step.name for step in self._plan]
        return sum(step.usual_s for step in self._plan[names.index(name) + 1 :])

    def take(self, name: str, work: Callable[[Tell], Outcome], *, inputs: tuple[str, ...] = ()) -> Outcome:
        """The outcome of a step: remembered if it was made from the same inputs, else made now.

        inputs: whatever it is made from; of an earlier step, its `digest_of`.
        """
        number, step = next((n, s) for n, s in enumerate(self._plan, start=1) if s.name == name)
        made_from = digest(name, *inputs)
        outcome = self._remembered(name, made_from)
        label = f"{number}/{len(self._plan)} {step.title}"
        if outcome is None:
            left = step.usual_s + self.usual_after_s(name)
            self._tell(Progress("", note=f"{label} ... (about {max(1, round(left / 60))} min left in all)"))
            started = self._clock()
            outcome = work(self._within(label, step))
            self._remember(name, made_from, outcome)
            self._tell(Progress("", note=f"{label}: took {self._clock() - started:.0f} s"))
        else:
            self._tell(Progress("", note=f"{label}: done before"))
        self._done[name] = digest(json.dumps(outcome, sort_keys=True))
        return outcome

    def digest_of(self, name: str) -> str:
        """Of a taken step's outcome, which says all that matters to later steps: what they are made from."""
        return self._done[name]

    def forget(self, name: str) -> None:
        """Let a step be done again: what it left behind is gone."""
        meta.write(self._store, f"{self._key}:{name}", "{}")

    def _within(self, label: str, step: Step) -> Tell:
        """Tell a step's own progress under its label, with the time left of everything."""
        later, started = self.usual_after_s(step.name), self._clock()

        def tell(progress: Progress) -> None:
            own = progress.left_s
            if own is None:
                own = max(0.0, step.usual_s - (self._clock() - started))
            stage = f"{label}: {progress.stage}" if progress.stage else label
            self._tell(replace(progress, stage=stage, left_s=own + later))

        return tell

    def _remembered(self, name: str, made_from: str) -> Outcome | None:
        said = json.loads(meta.read(self._store, f"{self._key}:{name}") or "{}")
        return said["outcome"] if said.get("made_from") == made_from else None

    def _remember(self, name: str, made_from: str, outcome: Outcome) -> None:
        body = json.dumps({"made_from": made_from, "outcome": outcome}, ensure_ascii=False)
        meta.write(self._store, f"{self._key}:{name}", body)
