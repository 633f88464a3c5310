"""Let what a study recommends answer under a name."""

from dataclasses import asdict
from typing import Annotated

import typer

from afina.actions.promote import promote
from afina.cli._screen import say, say_json
from afina.cli._workspace import WorkspaceOption, opened


def run(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="Name or id of a study (afina studies).")],
    *,
    name: Annotated[str | None, typer.Option("--as", metavar="NAME", help="The model name; that of the study.")] = None,
    arm: Annotated[str | None, typer.Option("--arm", help="Another arm than the recommended one.")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Without the proof that it is not worse.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Let what a study recommends answer under a name, at once; `afina rollback NAME` moves it back.

    Only what is shown to be not worse than the best arm, and than what answers under the name now, is promoted.
    """
    with opened(workspace) as ws:
        moved = promote(ws, study, name=name, arm=arm, anyway=anyway)
    if as_json:
        say_json(asdict(moved))
        return
    before = f"; before: {moved.before}" if moved.before else ""
    say(f'"{moved.name}" is {moved.arm} ({moved.recipe}) from now on{before}')
