"""Check that an engine serves a model as its saved files say; exits 1 if it does not."""

from dataclasses import asdict
from typing import Annotated

import typer

from afina.actions.verify import verify
from afina.border import Portal
from afina.cli._screen import say, say_json, telling
from afina.cli._workspace import WorkspaceOption, opened


def run(
    model: Annotated[str, typer.Argument(help="A model name, as `afina models` lists them.")],
    engine: Annotated[str | None, typer.Option("--engine", "-e", help="An engine of afina.toml.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Measure anew, even if a certificate holds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Check that an engine serves a model as its saved files say; exits 1 if it does not."""
    portal = Portal()
    try:
        with opened(workspace) as ws, telling() as tell:
            certificate = portal.run(verify(ws, model, engine=engine, again=again, tell=tell))
    finally:
        portal.close()
    if as_json:
        say_json(asdict(certificate) | {"passed": certificate.passed})
    else:
        say(f"{model}: {certificate.summary}")
    if not certificate.passed:
        raise typer.Exit(1)
