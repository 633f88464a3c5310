"""The whole job on real input: documents in, six ways of answering measured, the best one served."""

from pathlib import Path
from typing import Annotated

import typer

from afina.actions.demo import READER, Shown, StudyShown, demo
from afina.actions.initialise import initialise
from afina.cli import serve
from afina.cli._screen import say, say_json, table, telling
from afina.cli._workspace import opened


def run(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The workspace; made if it does not exist.")] = Path(
        "afina-demo"
    ),
    serving: Annotated[bool, typer.Option("--serve", help="Serve in the foreground when done.")] = False,
    minutes: Annotated[
        float, typer.Option(min=1, help="What to aim for in all; tuning gets what the rest leaves, 3 at most.")
    ] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The whole job on real input: documents in, six ways of answering measured, the best one served.

    The documentation of this machine's Python and a small Spanish handbook are added; a reader is tuned on questions
    made from half of the modules; six ways of answering are compared on questions about the other half. A second run
    does only what is missing.
    """
    initialise(folder)
    with opened(folder) as ws, telling() as tell:
        shown = demo(ws, minutes=minutes, tell=tell)
    if as_json:
        say_json(shown)
    else:
        _show(shown, folder)
    if serving:
        serve.run(workspace=folder)


def _show(shown: Shown, folder: Path) -> None:
    for study in shown.studies:
        _show_study(study)
    say()
    say(f"Tuned model: {READER}. Next, with -w {folder}:")
    for study in shown.studies:
        say(f'  afina ask -w {folder} -m {study.model} "{study.question}"')


def _show_study(study: StudyShown) -> None:
    say()
    say(study.title)
    for one in study.tables:
        say()
        table(one["columns"], one["rows"], title=one["title"])
        say(f"  {one['note']}")
    say()
    for finding in study.findings:
        say(finding)
    for dropped, why in study.dropped:
        say(f"Left out: {dropped} ({why})")
    say(study.recommendation)
    say(f'Served as "{study.model}": {study.arm}. Report: {study.page}')
