"""The judge of a study: a recipe that compares the answers of every arm with those of doing nothing, last of all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from afina import plugins
from afina.actions._arms import surrounded
from afina.actions._building import Ready
from afina.actions._counting import cpu_of
from afina.actions.load import load
from afina.actions.studies import rates_of
from afina.domain.artefact import Recipe
from afina.domain.example import Case
from afina.domain.progress import Tell
from afina.domain.report import Agreement, Stopped
from afina.domain.row import Row
from afina.errors import BadRequest
from afina.evaluation.budget import over
from afina.evaluation.design import TASKS, Design
from afina.evaluation.judge import agreement, judged
from afina.evaluation.run import Arm, Measured, Setting
from afina.evaluation.task import Task
from afina.store import studies
from afina.workspace import Workspace

NOTHING_TO_READ = ("search", "judge")
"""Tasks whose answers are no texts that could be compared."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a judge was worth, and where the budget stopped it; nothing if there is none."""

    agreements: tuple[Agreement, ...] = ()
    stopped: tuple[Stopped, ...] = ()


def judge_of(ws: Workspace, design: Design, *, tell: Tell) -> Recipe | None:
    """The recipe of a design's judge, ready to be asked; one that is no judge is made one.

    Raises:
        NotFound: no such recipe. BadRequest: the task has nothing to compare. What opening its engine raises.
    """
    if design.judge is None:
        return None
    if design.task in NOTHING_TO_READ:
        raise BadRequest(f'answers of the task "{design.task}" are no texts that a judge could compare', param="judge")
    task: Task = plugins.load(TASKS, "judge").TASK
    recipe = surrounded(replace(ws.recipe(design.judge), name=design.judge), task)
    load(ws, ws.config.model_of(recipe.engine), tell=tell)
    ws.answerer(recipe)
    return recipe


def verdicts(
    ws: Workspace, judge: Recipe | None, cases: Sequence[Case], *, study_id: str, setting: Setting, measured: Measured,
    ready: Ready, design: Design, primary: str,
) -> Verdicts:  # fmt: skip
    """Ask the judge about what was measured; each block is stored as it is finished, and never asked again."""
    if judge is None:
        return Verdicts()
    keeping = replace(setting, keep=lambda rows, texts: studies.keep(ws.store, ws.scope, study_id, rows))
    arm = Arm(f"judge {judge.name}", ws.answerer(judge), cpu_seconds=cpu_of(ws, judge))
    stored = studies.rows_of(ws.store, ws.scope, study_id)

    def stop(told: Sequence[Row], left: int) -> Stopped | None:
        """Where the budget has no room for the pairs that are left; what arms took comes first."""
        spent = {a: [r for r in measured.rows if r.arm == a] for a in dict.fromkeys(r.arm for r in measured.rows)}
        spent[arm.name] = [replace(row, turn="quality") for row in told]
        found = over(design.budget, spent, left={arm.name: left}, prepared=ready.spent, rates=rates_of(ws))
        return next(iter(found), None)

    found = ws.portal.run(judged(arm, cases, measured.rows, keeping, finished=stored, stop=stop))
    agreed = agreement(judge.name, found.rows, measured.rows, primary)
    return Verdicts((agreed,), (found.stopped,) if found.stopped else ())
