"""List the studies of the workspace, show one again, in any form, or remove it."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from afina.actions.studies import listed, report_of
from afina.cli._screen import say, say_json, table
from afina.cli._study import heading, show
from afina.cli._workspace import WorkspaceOption, opened
from afina.errors import UsageError
from afina.evaluation.show.formats import check_suffix, written
from afina.evaluation.show.json import as_json as plain_of
from afina.evaluation.show.words import words
from afina.store import studies

app = typer.Typer(help=(__doc__ or "").splitlines()[0], invoke_without_command=True)

StudyArgument = Annotated[
    str, typer.Argument(metavar="STUDY", help="Its id, the beginning of it, or its name (the newest of that name).")
]


@app.callback()
def run(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """List the studies of the workspace, newest first."""
    if ctx.invoked_subcommand is not None:
        _refuse_options(ctx)
        return
    with opened(workspace) as ws:
        found = listed(ws)
    if as_json:
        say_json([asdict(study) for study in found])
        return
    if not found:
        say("no study yet; begin one with: afina compare CASES.jsonl")
        return
    table(
        ["study", "name", "task", "cases", "arms", "when", "recommended"],
        [[s.id, s.name, s.task, s.cases, len(s.arms), time.strftime("%Y-%m-%d %H:%M", time.localtime(s.created)),
          s.recommended or ("undecided" if s.finished else "unfinished")] for s in found],
    )  # fmt: skip


def _refuse_options(ctx: typer.Context) -> None:
    """An option of the list that stands before another verb would be dropped in silence."""
    for name in ctx.params:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"options come after the verb: afina studies {ctx.invoked_subcommand} ...")


@app.command("show")
def again(
    study: StudyArgument,
    *,
    out: Annotated[
        list[Path] | None, typer.Option("--out", "-o", help="A file to write: .html, .md, .json or .csv.")
    ] = None,
    lang: Annotated[str, typer.Option("--lang", help="Language of what is shown and written: en or es.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Show a finished study again: on the screen, and in every file that is named."""
    words(lang)
    for path in out or ():
        check_suffix(path)
    with opened(workspace) as ws:
        report = report_of(ws, study)
    files = [file for path in out or () for file in written(report, path, lang)]
    if as_json:
        say_json(plain_of(report))
        return
    say(heading(report, lang=lang))
    show(report, lang=lang)
    if files:
        say()
        say(f"Report: {', '.join(str(file) for file in files)}")


@app.command("remove")
def remove(study: StudyArgument, *, workspace: WorkspaceOption = None) -> None:
    """Remove a study: its answers, its prompts and its report. Models that it promoted stay."""
    with opened(workspace) as ws:
        found = studies.called(ws.store, ws.scope, study)
        studies.forget(ws.store, ws.scope, found.id)
    say(f"removed {found.name} ({found.id})")
