"""Tuning data: make it from documents, check it before a long run."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from afina.actions.synthesise import synthesise
from afina.cli._screen import say, say_json, table, telling
from afina.cli._workspace import WorkspaceOption, opened
from afina.errors import BadRequest
from afina.store.models import OF_STUDIES
from afina.tuning.data import load_examples
from afina.tuning.splits import distinct, split

app = typer.Typer(help=(__doc__ or "").splitlines()[0], no_args_is_help=True)


@app.command("synthesise")
def make(
    out: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="Written; replaced if it is there.")],
    *,
    collection: Annotated[str, typer.Option("--collection", "-c", help="Whose documents are asked about.")] = "docs",
    count: Annotated[int, typer.Option("--count", help="Rows wanted.")] = 300,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, other questions.")] = 0,
    unanswerable: Annotated[float, typer.Option("--unanswerable", help="Share without the right passage.")] = 0.2,
    sources: Annotated[int, typer.Option("--sources", help="The most passages in a row.")] = 4,
    held_out: Annotated[Path | None, typer.Option("--held-out", help="A second file, about other documents.")] = None,
    held_out_share: Annotated[float, typer.Option("--held-out-share", help="Share of the documents for it.")] = 0.2,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Make tuning rows from a collection: questions, short answers, distractors, unanswerable cases."""
    with opened(workspace) as ws, telling() as tell:
        made = synthesise(
            ws, collection=collection, out=out, count=count, seed=seed, unanswerable=unanswerable, sources=sources,
            held_out=held_out, held_out_share=held_out_share, tell=tell,
        )  # fmt: skip
    if as_json:
        say_json(asdict(made))
        return
    say(f"{made.rows} rows in {out}, {made.unanswerable} of all unanswerable")
    if held_out is not None:
        say(f"{made.held_out_rows} rows in {held_out}, about {made.documents[1]} other documents")
    if made.rows < count:
        say(f"Fewer than {count}: the documents give no more questions that pass the checks.")
    say("asked: " + ", ".join(f"{kind} {rows}" for kind, rows in made.kinds.items()))
    say("not used: " + ", ".join(f"{drafts} {reason}" for reason, drafts in made.dropped.items()))
    say(f"Next: afina tune {out} --name NAME" + (f" --held-out {held_out}" if held_out is not None else ""))


@app.command("check")
def check(
    data: Annotated[Path, typer.Argument(metavar="DATA.jsonl", help="OpenAI chat JSONL, or prompt and completion.")],
    *,
    held_out: Annotated[float, typer.Option("--held-out", help="Share that tuning would hold out.")] = 0.1,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Check a data file: every fault by line and field, what a split would hold out, what is there twice."""
    if not 0 <= held_out < 1:
        raise BadRequest(f"held-out is {held_out}; it is a share from 0 to below 1", param="held_out")
    examples = load_examples(data)
    parts = split(examples, held_out=held_out)
    longest = max(sum(len(m.content) for m in example.messages) for example in examples)
    found = {
        "examples": len(examples),
        "groups": len({example.group for example in examples}),
        "duplicates": len(examples) - len(distinct(examples)),
        "to_learn": len(parts.train),
        "held_out": len(parts.held_out),
        "left_out_as_held_out_says_the_same": len(parts.removed),
        "most_common_answer": Counter(example.answer for example in examples).most_common(1)[0][1],
        "longest_characters": longest,
    }
    if as_json:
        say_json(found)
        return
    for name, value in found.items():
        say(f"{name.replace('_', ' ')}: {value}")


@app.command("add")
def add(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="JSONL or CSV: chat rows, question and answer, text and label.")
    ],
    *,
    name: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Name of the set; that of the file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Keep the rows of a file as a set of examples, in place of what the set held: to show, to choose on, to learn."""
    examples, kept = load_examples(data), name or data.stem
    with opened(workspace) as ws:
        ws.demonstrations.put(ws.scope, kept, examples)
    if as_json:
        say_json({"set": kept, "examples": len(examples)})
        return
    say(f'{len(examples)} examples are the set "{kept}": afina compare CASES --examples {kept}')


@app.command("sets")
def sets(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False, workspace: WorkspaceOption = None
) -> None:
    """List the sets of examples."""
    with opened(workspace) as ws:
        names = [n for n in ws.demonstrations.names(ws.scope) if not n.startswith(OF_STUDIES)]
        found = {name: len(ws.demonstrations.examples(ws.scope, name)) for name in names}
    if as_json:
        say_json(found)
        return
    table(["set", "examples"], [[name, str(count)] for name, count in found.items()])


@app.command("remove")
def remove(name: Annotated[str, typer.Argument(metavar="SET")], workspace: WorkspaceOption = None) -> None:
    """Remove a set of examples; what was learnt from it stays."""
    with opened(workspace) as ws:
        ws.demonstrations.remove(ws.scope, name)
    say(f'the set "{name}" is gone')
