"""Measure several ways of answering on the same cases and recommend one."""

import json
from pathlib import Path
from typing import Annotated

import typer

from afina.actions.compare import compare
from afina.actions.promote import check_free, promote
from afina.cli._screen import say, say_json, telling
from afina.cli._study import show
from afina.cli._workspace import WorkspaceOption, opened
from afina.errors import BadRequest, NotFound
from afina.evaluation.budget import Budget
from afina.evaluation.cases import load_cases
from afina.evaluation.design import Design
from afina.evaluation.show.json import as_json as plain_of
from afina.tuning.data import load_examples

Cases = Annotated[Path, typer.Argument(metavar="CASES", help="JSONL or CSV, a question or text a row.")]
TaskName = Annotated[str, typer.Option("--task", help="answer, classify, search, extract, write, summarise or judge.")]
Collection = Annotated[str, typer.Option("--collection", "-c", help="Documents of the arms with knowledge.")]
Tuned = Annotated[str, typer.Option("--tuned", "-t", help="Tuned models, with commas; several are seeds of one arm.")]
Examples = Annotated[
    str | None, typer.Option("--examples", help="A set of examples, or a file of them; the tuned model's rows.")
]
Seeds = Annotated[int, typer.Option("--seeds", help="Tune on the examples within the study, once for each seed.")]
Arms = Annotated[
    str, typer.Option("--arms", help="Names with commas, joined by + (tuned+knowledge); all that can be built.")
]
Recipes = Annotated[list[str] | None, typer.Option("--recipe", help="A recipe or model, measured as it is.")]
EngineName = Annotated[str | None, typer.Option("--engine", "-e", help="An engine of afina.toml.")]
Large = Annotated[str | None, typer.Option("--large", help="Another engine: the arms large and cascade.")]
Schema = Annotated[Path | None, typer.Option("--schema", help="JSON schema of what is to be extracted.")]
Judge = Annotated[str | None, typer.Option("--judge", help="A recipe or model that compares answers.")]
TopK = Annotated[int, typer.Option("--top-k", min=1, max=50, help="The most passages in a prompt.")]
Delta = Annotated[float, typer.Option("--delta", help="Points that a cheaper arm may be worse.")]
Early = Annotated[bool, typer.Option("--early-stop/--to-the-end", help="Stop arms that are shown to be worse.")]
Minutes = Annotated[float | None, typer.Option("--minutes", help="The most time to take.")]
Tokens = Annotated[float | None, typer.Option("--tokens", help="The most tokens to take.")]
Money = Annotated[float | None, typer.Option("--money", help="The most money to take, of priced engines.")]
Energy = Annotated[float | None, typer.Option("--energy", help="The most energy to take, in Wh.")]
Name = Annotated[str | None, typer.Option("--name", help="Name of the study; that of the file.")]
Again = Annotated[bool, typer.Option("--again", help="Measure anew what was measured before.")]
Out = Annotated[list[Path] | None, typer.Option("--out", "-o", help="A file to write: .html, .md, .json or .csv.")]
Lang = Annotated[str, typer.Option("--lang", help="Language of the report: en or es.")]
ServedAs = Annotated[str | None, typer.Option("--as", metavar="NAME", help="Promote the recommended arm to this name.")]
AsJson = Annotated[bool, typer.Option("--json", help="The whole report as JSON.")]


def run(
    cases: Cases, *, task: TaskName = "answer", knowledge: Collection = "docs", tuned: Tuned = "",
    examples: Examples = None, seeds: Seeds = 0, arms: Arms = "", recipe: Recipes = None, engine: EngineName = None,
    large: Large = None, schema: Schema = None, judge: Judge = None, top_k: TopK = 4, delta: Delta = 2.0,
    early: Early = True, minutes: Minutes = None, tokens: Tokens = None, money: Money = None, energy: Energy = None,
    name: Name = None, again: Again = False, out: Out = None, lang: Lang = "en", served_as: ServedAs = None,
    as_json: AsJson = False, workspace: WorkspaceOption = None,
) -> None:  # fmt: skip
    """Measure several ways of answering on the same cases and recommend one.

    Arms are built from what the workspace has: base, prompt, examples, nearest, knowledge, tuned, tuned+knowledge,
    head and others, by task. A study that was interrupted goes on when the same command is run again.
    """
    kept = Path(examples) if examples and Path(examples).is_file() else None
    shown = kept.stem if kept else examples
    design = Design(
        task=task, engine=engine, knowledge=knowledge, examples=shown, tuned=tuple(_names(tuned)), seeds=seeds,
        large=large, recipes=tuple(recipe or ()), arms=tuple(_names(arms)) or None, top_k=top_k,
        schema=_schema(schema), delta=delta / 100, early=early, judge=judge,
        budget=Budget(minutes=minutes, tokens=tokens, money=money, energy_wh=energy),
    )  # fmt: skip
    found = load_cases(cases)
    pages = out or [Path(f"{cases.stem}.html")]
    with opened(workspace) as ws, telling() as tell:
        if served_as is not None:
            check_free(ws, served_as)
        if kept:
            ws.demonstrations.put(ws.scope, kept.stem, load_examples(kept))
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
