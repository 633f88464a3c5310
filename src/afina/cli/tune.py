"""Tune the model on examples; the result answers under its name once it is certified."""

from pathlib import Path
from typing import Annotated, Any

import typer

from afina.actions.tune import tune
from afina.actions.verify import answering
from afina.cli._screen import duration, say, say_json, telling
from afina.cli._workspace import WorkspaceOption, opened
from afina.domain.artefact import Artefact
from afina.errors import BadRequest
from afina.store import artefacts


def run(
    data: Annotated[Path, typer.Argument(metavar="DATA.jsonl", help="OpenAI chat JSONL, or prompt and completion.")],
    *,
    name: Annotated[str, typer.Option("--name", "-n", help="The model name it will answer to.")],
    minutes: Annotated[float | None, typer.Option("--minutes", help="End within this time.")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Passes over the data.")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", help="The highest.")] = None,
    rank: Annotated[int | None, typer.Option("--rank", min=1, help="Rank of the LoRA matrices.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Order of the rows and first weights.")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="Any option of the method: KEY=VALUE.")
    ] = None,
    held_out: Annotated[str, typer.Option("--held-out", help="A share of the groups, or a file of its own.")] = "0.1",
    method: Annotated[str, typer.Option("--method", help="The tuning method.")] = "lora",
    engine: Annotated[str | None, typer.Option("--engine", "-e", help="An engine of afina.toml.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Tune the model on examples; the result answers under its name once it is certified."""
    named = {"epochs": epochs, "learning_rate": learning_rate, "rank": rank, "seed": seed}
    options = {key: value for key, value in named.items() if value is not None} | pairs(option or [])
    with opened(workspace) as ws, telling() as tell:
        try:
            artefact = tune(
                ws, data, name=name, held_out=share_or_file(held_out), method=method, options=options,
                max_minutes=minutes, engine=engine, resume=resume, tell=tell,
            )  # fmt: skip
        except KeyboardInterrupt:
            say("Stopped. The same command with --resume goes on from the last checkpoint.")
            raise
        live = answering(ws, name) == artefact.digest
        kept_as = artefacts.names_of(ws.store, ws.scope, artefact)[0]
    if as_json:
        say_json({"name": name, "kept_as": kept_as, "digest": artefact.digest, "live": live, **artefact.meta})
    else:
        for line in told(artefact, kept_as, live=live):
            say(line)
    if not live:
        raise typer.Exit(1)


def told(artefact: Artefact, name: str, *, live: bool) -> list[str]:
    """What came out, in a few lines."""
    metrics, data = artefact.meta["metrics"], artefact.meta["data"]
    lines = [
        f"{name}: {data['rows']} rows, {metrics['steps']:.0f} steps, {duration(metrics['seconds'])}, "
        f"{metrics['tokens'] / max(metrics['seconds'], 1e-9):.0f} tokens/s"
    ]
    if "held_out_loss" in metrics:
        before, after = metrics["held_out_loss_before"], metrics["held_out_loss"]
        lines.append(f"held-out loss {before:.3f} -> {after:.3f} on {data['held_out_rows']} rows")
    if metrics.get("rows_too_long"):
        lines.append(f"{metrics['rows_too_long']:.0f} rows were longer than max_tokens and were not learnt")
    lines.append(f"adapter {artefact.digest[:12]} of base {str(artefact.meta['base'])[:12]}")
    lines.append(f"Next: afina ask -m {name} QUESTION" if live else f"Not live. See why: afina verify {name} --again")
    return lines


def share_or_file(text: str) -> float | Path:
    try:
        return float(text)
    except ValueError:
        return Path(text)


def pairs(options: list[str]) -> dict[str, Any]:
    """'KEY=VALUE' to values: numbers where they are numbers."""
    found: dict[str, Any] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise BadRequest(f'--option "{option}" is not KEY=VALUE', param="option")
        found[key] = number(value)
    return found


def number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
