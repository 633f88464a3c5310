"""Make a workspace from a template: sample documents, cases and examples, ready to compare."""

from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from afina.actions.new import Part, fill, languages, lay_out
from afina.cli._screen import say, say_json, telling
from afina.cli._workspace import opened
from afina.workspace import DOCS


def run(
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="By name: support, triage, ...")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made if it does not exist.")],
    *,
    lang: Annotated[str, typer.Option("--lang", help="Of the sample data: en, es or both.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a workspace from a template: sample documents, cases and examples, ready to compare.

    The documents are added, the examples are kept as a set, a recipe stands in afina.toml. Run again, it takes in what
    was changed below data/.
    """
    langs = languages(template, lang)
    new = lay_out(folder, template, langs)
    with opened(folder) as ws, telling() as tell:
        parts = fill(ws, template, langs, tell=tell)
    following = [command for part in parts for command in commands(part, folder)]
    if as_json:
        say_json({"workspace": str(folder), "made": new, "parts": [asdict(part) for part in parts], "next": following})
        return
    say(f"{folder} is a workspace{'' if new else ' already; what was changed was taken in'}.")
    for part in parts:
        _show(part)
    say("Next:")
    for command in following:
        say(f"  {command}")


def _show(part: Part) -> None:
    added = part.added
    say(
        f"  {part.lang}: {part.case_rows} held-out cases in {part.cases}, "
        f'{part.example_rows} examples as the set "{part.examples}"'
        + (f', {added.added + added.replaced + added.unchanged} documents in "{part.collection}"' if added else "")
    )
    for failure in added.failed if added else ():
        say(f"  failed: {failure.name}: {failure.reason}")


def commands(part: Part, folder: Path) -> list[str]:
    """What can be done next with a part: compare ways of answering, ask the recipe."""
    where = quote(str(folder))
    task = " --task classify" if part.labels else ""
    collection = f" -c {part.collection}" if part.added and part.collection != DOCS else ""
    return [
        f"afina compare {quote(str(folder / part.cases))}{task} --examples {part.examples}{collection} -w {where}",
        f"afina ask -m {part.examples} -w {where} {quote(part.asked)}",
    ]
