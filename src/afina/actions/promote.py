"""Move a model name to what a study proved, and back."""

from dataclasses import dataclass, replace

from afina.actions.studies import report_of
from afina.domain.report import Report
from afina.errors import Conflict, NotFound, nearest
from afina.evaluation.proof import between
from afina.store import promotions, recipes
from afina.workspace import Workspace

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Promoted:
    """name: the alias. recipe: what it stands for now. before: what it stood for, '' for nothing."""

    name: str
    arm: str
    recipe: str
    before: str
    study: str


def promote(
    ws: Workspace, study: str, *, name: str | None = None, arm: str | None = None, anyway: bool = False
) -> Promoted:
    """Let what a study recommends answer under a name, at once and without a restart.

    name: the study's own by default. arm: another one than the recommended; it must not be worse than the best by more
    than the study's delta. What answers under the name now must have been an arm too, and the new one not be worse. An
    arm with several seeds is served by its first, whose own verdicts are the proof.
    anyway: skip both proofs.

    Raises:
        NotFound: no such study, no such arm. Conflict: the proof fails, or the name is another model's.
    """
    report = report_of(ws, study)
    name = name or report.name
    check_free(ws, name)
    chosen = arm or report.recommendation.arm
    if chosen is None and anyway:
        chosen = report.recommendation.best
    if chosen is None:
        raise Conflict(
            f"{report.recommendation.sentence} Nothing was promoted; name an arm and say anyway to do it still"
        )
    if chosen not in {a.name for a in report.arms}:
        raise NotFound(f'study "{report.name}" has no arm "{chosen}"{nearest(chosen, [a.name for a in report.arms])}')
    if not anyway:
        _prove(report, chosen, report.recommendation.best)
        _prove_not_worse(ws, report, chosen, name)
    return _moved(ws, report, chosen, name)


def roll_back(ws: Workspace, name: str) -> Promoted:
    """Let what answered under a name before its last promotion answer again.

    Raises:
        NotFound: it was never promoted. Conflict: nothing answered before, or the name was moved otherwise.
    """
    last = promotions.roll_back(ws.store, ws.scope, name)
    return Promoted(name, "", last.before, last.target, last.study)


def check_free(ws: Workspace, name: str) -> None:
    """Raise Conflict for a name that something else answers to; one that was promoted before may be moved."""
    if not name.strip() or name in set(ws.model_names()) - set(recipes.names(ws.store, ws.scope)):
        raise Conflict(
            f'"{name}" is the name of another model; choose one that `afina models` does not list: --as NAME'
        )
    if ws.config.recipe(name) is not None:
        raise Conflict(f'"{name}" is a recipe of afina.toml; choose another name (--as NAME)')


def _prove_not_worse(ws: Workspace, report: Report, arm: str, name: str) -> None:
    """Raise Conflict unless the arm is shown to be not worse than what answers under the name now."""
    if name not in ws.model_names():
        return
    now = ws.recipe(name).digest
    mine = next((a.name for a in report.arms if recipes.recipe_of("", a.recipe).digest == now), None)
    if mine is None:
        raise Conflict(
            f'study "{report.name}" did not measure what answers under "{name}" now; add it with --recipe {name}, or '
            f"promote anyway"
        )
    _prove(report, arm, mine)


def _prove(report: Report, arm: str, other: str) -> None:
    """Raise Conflict unless the lower bound of the arm against another is above -delta."""
    if arm == other:
        return
    found = between(report, arm, other)
    if found is None:
        raise Conflict(f"{arm} and {other} were measured on no case together; nothing was promoted")
    if found.low <= -report.recommendation.delta:
        raise Conflict(
            f"{arm} may be worse than {other}: {found.difference * 100:+.1f} points, 95 % interval "
            f"{found.low * 100:+.1f} to {found.high * 100:+.1f}; nothing was promoted"
        )


def _moved(ws: Workspace, report: Report, arm: str, name: str) -> Promoted:
    """Keep the arm's recipe under a name of its own, and point the alias at it."""
    plain = recipes.recipe_of(name, report.arm(arm).recipe)
    kept = replace(plain, name=f"{name}@{plain.digest[:SHOWN]}")
    ws.check(kept)
    with ws.store.writing():
        if name in recipes.names(ws.store, ws.scope) and name not in recipes.aliases(ws.store, ws.scope):
            _make_alias(ws, name)
        recipes.put(ws.store, ws.scope, kept)
        made = promotions.promote(ws.store, ws.scope, name, kept.name, study=report.id, arm=arm)
    return Promoted(name, arm, kept.name, made.before, report.id)


def _make_alias(ws: Workspace, name: str) -> None:
    """Give a recipe that answers under this very name one of its own, so that the name can be moved and moved back."""
    recipe = recipes.find(ws.store, ws.scope, name)
    kept = replace(recipe, name=f"{name}@{recipe.digest[:SHOWN]}")
    recipes.put(ws.store, ws.scope, kept)
    recipes.point(ws.store, ws.scope, name, kept.name)
