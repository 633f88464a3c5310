"""The learning rate from the first step to the last, and how many steps fit into the time there is."""

import math
from dataclasses import dataclass, replace
from typing import Literal

Shape = Literal["linear", "cosine"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Rates of `steps` steps: a linear rise over `warm_up` steps to `peak`, then a fall to zero.

    The fall starts at step `since` from rate `peak`; a plan made shorter under way keeps the rate it had reached.
    """

    steps: int
    peak: float
    warm_up: int = 0
    since: int = 0
    shape: Shape = "linear"

    def rate(self, step: int) -> float:
        """Learning rate of a step, from 0; positive before the last step ends."""
        if step < self.warm_up:
            return self.peak * (step + 1) / (self.warm_up + 1)
        start = max(self.since, self.warm_up)
        left = max(0.0, (self.steps - step) / max(1, self.steps - start))
        return self.peak * (left if self.shape == "linear" else 0.5 * (1 - math.cos(math.pi * left)))

    def ending_at(self, steps: int, *, now: int) -> "Plan":
        """The same plan with its last step moved forward, from step `now` on."""
        if now <= self.warm_up:
            return replace(self, steps=steps)
        return replace(self, steps=steps, peak=self.rate(now), since=now, shape="linear")


def steps_that_fit(*, done: int, seconds: float, seconds_a_step: float, limit_s: float, reserve_s: float) -> int:
    """The last step that still ends within the limit, at least one more than are done.

    seconds: spent so far. reserve_s: kept for what comes after the last step.
    """
    return done + max(1, math.floor((limit_s - reserve_s - seconds) / max(seconds_a_step, 1e-9)))
