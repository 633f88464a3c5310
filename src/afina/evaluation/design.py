"""What a study is to measure, as one frozen value: it is checked before anything runs, and kept with the study."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from afina import plugins
from afina.errors import BadRequest
from afina.evaluation.budget import Budget
from afina.evaluation.task import Task

TASKS = "evaluation.tasks"
DELTA = 0.02
TOP_K = 4
MOST_SEEDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """task: name of a file in evaluation/tasks. engine: of afina.toml; None is the workspace's own.

    What arms are made from: knowledge: a collection (one without documents counts as none). examples: name of a set of
    examples, by default the rows that the adapter learnt. tuned: names of adapters; several are seeds of one arm.
    seeds: adapters to tune on the examples within the study, one for each seed, where `tuned` names none. large:
    another engine, for the arms "large" and "cascade". recipes: names of recipes (or models) measured as they are.
    arms: names to measure, None for all that the task has and that can be built; "base" is always among them.

    top_k: passages in a prompt at most. schema: of the object to extract. delta: how much worse than the best a cheaper
    arm may be, as a fraction. early: stop arms that are shown to be worse by more than delta. judge: name of a recipe
    that compares answers with those of "base". budget: what the study may take. block: cases in flight together.
    """

    task: str = "answer"
    engine: str | None = None
    knowledge: str | None = "docs"
    examples: str | None = None
    tuned: tuple[str, ...] = ()
    seeds: int = 0
    large: str | None = None
    recipes: tuple[str, ...] = ()
    arms: tuple[str, ...] | None = None
    top_k: int = TOP_K
    schema: Mapping[str, Any] | None = None
    delta: float = DELTA
    early: bool = True
    judge: str | None = None
    budget: Budget = field(default_factory=Budget)
    block: int = 25

    def __post_init__(self) -> None:
        if not 0 <= self.delta < 1:
            said = f"delta is {self.delta}; it is a share from 0 to below 1 (0.02 is 2 points)"
            raise BadRequest(said, param="delta")
        if not 0 <= self.seeds <= MOST_SEEDS:
            raise BadRequest(f"seeds is {self.seeds}; it may be from 0 to {MOST_SEEDS}", param="seeds")
        for param, names in (("tuned", self.tuned), ("recipes", self.recipes)):
            twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
            if twice is not None:
                raise BadRequest(f'"{twice}" is named twice; {param} are measured once each', param=param)
        if self.block < 1:
            raise BadRequest(f"block is {self.block}; it must be at least 1", param="block")


def task_of(design: Design) -> Task:
    """Raises ConfigError for a task that there is not; names the nearest."""
    found: Task = plugins.load(TASKS, design.task).TASK
    return found
