"""Measure several ways of answering on the same cases and recommend one."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from afina.actions.compare import check_free, compare, keep_winner
from afina.cli._screen import say, say_json, table, telling
from afina.cli._workspace import WorkspaceOption, opened
from afina.domain.report import Report
from afina.evaluation.cases import load_cases
from afina.evaluation.show.tables import tables


def run(
    cases: Annotated[Path, typer.Argument(metavar="CASES.jsonl", help="A question a line, with its known answers.")],
    *,
    knowledge: Annotated[
        str, typer.Option("--collection", "-c", help="Documents of the arms with knowledge.")
    ] = "docs",
    tuned: Annotated[str | None, typer.Option("--tuned", "-t", help="Name of a tuned model.")] = None,
    examples: Annotated[str | None, typer.Option("--examples", help="Set of examples; the tuned model's rows.")] = None,
    arms: Annotated[str, typer.Option("--arms", help="Names with commas; all that can be built.")] = "",
    engine: Annotated[str | None, typer.Option("--engine", "-e", help="An engine of afina.toml.")] = None,
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=50, help="The most passages in a prompt.")] = 4,
    delta: Annotated[float, typer.Option("--delta", help="Points that a cheaper arm may be worse.")] = 2.0,
    again: Annotated[bool, typer.Option("--again", help="Measure anew what was measured before.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where the HTML page is written.")] = None,
    served_as: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Let the recommended arm answer under this name.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Measure several ways of answering on the same cases and recommend one.

    Arms: base, prompt, examples, knowledge, tuned, tuned+knowledge. A study that was interrupted goes on.
    """
    found = load_cases(cases)
    page = out or Path(f"{cases.stem}.html")
    with opened(workspace) as ws, telling() as tell:
        if served_as is not None:
            check_free(ws, served_as)
        report = compare(
            ws, found, name=cases.stem, knowledge=knowledge, tuned=tuned, examples=examples, engine=engine,
            arms=[a.strip() for a in arms.split(",") if a.strip()] or None, top_k=top_k, delta=delta / 100,
            again=again, tell=tell, out=page,
        )  # fmt: skip
        arm = keep_winner(ws, report, served_as) if served_as else None
    if as_json:
        say_json(asdict(report))
        return
    show(report)
    say(f"Report: {page}")
    if arm:
        say(f'"{served_as}" is {arm} from now on: afina ask -m {served_as} QUESTION')


def show(report: Report) -> None:
    """Tables, what follows from them, and what was left out."""
    for one in tables(report):
        say()
        table([name for name, _ in one.columns], [[c.text for c in row] for row in one.rows], title=one.title)
        say(f"  {one.note}")
    say()
    for line in (*report.findings, *(f"Left out: {why}" for why in report.skipped)):
        say(line)
    shared = report.overlap
    if shared.rows:
        say(
            f"Of {shared.rows} training rows, {len(shared.exact)} cases are asked word for word and {len(shared.near)} "
            f"share eight words in a row with one (questions and answers; the sources they showed are not looked at)."
        )
    say(report.recommendation.sentence)
