"""Measure several ways of answering on the same cases and recommend one."""

import json
from pathlib import Path
from typing import Annotated

import typer

from afina.actions._design import Design
from afina.actions.compare import compare
from afina.actions.promote import check_free, promote
from afina.cli._screen import say, say_json, telling
from afina.cli._study import show
from afina.cli._workspace import WorkspaceOption, opened
from afina.errors import BadRequest, NotFound
from afina.evaluation.budget import Budget
from afina.evaluation.cases import load_cases
from afina.evaluation.show.json import as_json as plain_of


def run(
    cases: Annotated[Path, typer.Argument(metavar="CASES", help="Cases: JSONL or CSV, a question or text a row.")],
    *,
    task: Annotated[
        str, typer.Option("--task", help="answer, classify, search, extract, write or summarise.")
    ] = "answer",
    knowledge: Annotated[
        str, typer.Option("--collection", "-c", help="Documents of the arms with knowledge.")
    ] = "docs",
    tuned: Annotated[
        str, typer.Option("--tuned", "-t", help="Tuned models, with commas; several are seeds of one arm.")
    ] = "",
    examples: Annotated[str | None, typer.Option("--examples", help="Set of examples; the tuned model's rows.")] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", help="Tune on the examples within the study, once for each seed.")
    ] = 0,
    arms: Annotated[
        str, typer.Option("--arms", help="Names with commas, joined by + (tuned+knowledge); all that can be built.")
    ] = "",
    recipe: Annotated[list[str] | None, typer.Option("--recipe", help="A recipe or model, measured as it is.")] = None,
    engine: Annotated[str | None, typer.Option("--engine", "-e", help="An engine of afina.toml.")] = None,
    large: Annotated[str | None, typer.Option("--large", help="Another engine: the arms large and cascade.")] = None,
    schema: Annotated[Path | None, typer.Option("--schema", help="JSON schema of what is to be extracted.")] = None,
    judge: Annotated[str | None, typer.Option("--judge", help="A recipe or model that compares answers.")] = None,
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=50, help="The most passages in a prompt.")] = 4,
    delta: Annotated[float, typer.Option("--delta", help="Points that a cheaper arm may be worse.")] = 2.0,
    early: Annotated[
        bool, typer.Option("--early-stop/--to-the-end", help="Stop arms that are shown to be worse.")
    ] = True,
    minutes: Annotated[float | None, typer.Option("--minutes", help="The most time to take.")] = None,
    tokens: Annotated[float | None, typer.Option("--tokens", help="The most tokens to take.")] = None,
    money: Annotated[float | None, typer.Option("--money", help="The most money to take, of priced engines.")] = None,
    energy: Annotated[float | None, typer.Option("--energy", help="The most energy to take, in Wh.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the study; that of the file.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Measure anew what was measured before.")] = False,
    out: Annotated[
        list[Path] | None, typer.Option("--out", "-o", help="A file to write: .html, .md, .json or .csv.")
    ] = None,
    lang: Annotated[str, typer.Option("--lang", help="Language of the report: en or es.")] = "en",
    served_as: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Promote the recommended arm to this name.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Measure several ways of answering on the same cases and recommend one.

    Arms are built from what the workspace has: base, prompt, examples, nearest, knowledge, tuned, tuned+knowledge,
    head and others, by task. A study that was interrupted goes on when the same command is run again.
    """
    design = Design(
        task=task, engine=engine, knowledge=knowledge, examples=examples, tuned=tuple(_names(tuned)), seeds=seeds,
        large=large, recipes=tuple(recipe or ()), arms=tuple(_names(arms)) or None, top_k=top_k,
        schema=_schema(schema), delta=delta / 100, early=early, judge=judge,
        budget=Budget(minutes=minutes, tokens=tokens, money=money, energy_wh=energy),
    )  # fmt: skip
    found = load_cases(cases)
    pages = out or [Path(f"{cases.stem}.html")]
    with opened(workspace) as ws, telling() as tell:
        if served_as is not None:
            check_free(ws, served_as)
        report = compare(ws, found, design, name=name or cases.stem, again=again, tell=tell, out=pages, lang=lang)
        moved = promote(ws, report.id, name=served_as) if served_as else None
    if as_json:
        say_json(plain_of(report))
        return
    show(report, lang=lang)
    say(f"Study: {report.id}. Report: {', '.join(str(page) for page in pages)}")
    if moved:
        say(f'"{served_as}" is {moved.arm} from now on: afina ask -m {served_as} QUESTION')


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]


def _schema(path: Path | None) -> dict[str, object] | None:
    """Raises NotFound, BadRequest: no such file, no JSON object in it."""
    if path is None:
        return None
    if not path.is_file():
        raise NotFound(f"{path} is not a file")
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise BadRequest(f"{path.name} is not JSON: {error}", param="schema") from error
    if not isinstance(found, dict):
        raise BadRequest(f"{path.name} holds no object: a schema is one", param="schema")
    return found
