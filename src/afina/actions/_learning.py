"""What a study learns itself before it measures: adapters, one for each seed, and a classifier on frozen embeddings."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from afina.actions._arms import Stock
from afina.actions.head import head
from afina.actions.tune import tune
from afina.actions.verify import verify
from afina.domain.artefact import Artefact
from afina.domain.example import Example
from afina.domain.message import Message
from afina.domain.progress import Progress, Tell
from afina.domain.report import Preparation
from afina.evaluation.design import Design
from afina.evaluation.task import HEAD, Task
from afina.store import artefacts
from afina.workspace import Workspace

WORK = Path("cache") / "studies"
FEW_ROWS, EPOCHS = 1000, 3
"""Rows below which they are read more than once, and how often."""


def adapters(
    ws: Workspace, study_id: str, stock: Stock, rows: Sequence[Example], design: Design, *, tell: Tell
) -> tuple[Artefact, ...]:
    """One adapter for each seed, on rows that carry the instruction that every arm gets; those made before are taken.

    A budget of minutes leaves each seed its share of half of it.

    Raises: what `tune` raises, Unsupported for an engine that cannot serve what would be tuned.
    """
    file = ws.root / WORK / f"{study_id}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{json.dumps(_row(e, stock.form), ensure_ascii=False)}\n" for e in rows), encoding="utf-8")
    minutes = design.budget.minutes
    limit = minutes / 2 / design.seeds if minutes else None
    epochs = EPOCHS if len(rows) < FEW_ROWS else 1
    made = []
    for seed in range(design.seeds):
        name = f"{study_id}-seed{seed + 1}"
        if name not in artefacts.names(ws.store, ws.scope, "adapter"):
            tell(Progress("", note=f"tuning on {len(rows)} examples, seed {seed + 1} of {design.seeds}"))
            options = {"seed": seed, "epochs": epochs}
            tune(ws, file, name=name, options=options, max_minutes=limit, engine=stock.engine, resume=True, tell=tell)
        elif ws.engine(stock.engine).card.base:  # it may have been cut off before its certificate was made
            ws.portal.run(verify(ws, name, engine=stock.engine, tell=tell))
        made.append(artefacts.find(ws.store, ws.scope, "adapter", name))
    file.unlink()  # the rows stand in the database, where they can be erased
    return tuple(made)


def _row(example: Example, form: str) -> dict[str, object]:
    told = () if not form or example.messages[0].role == "system" else (Message("system", form),)
    said = [{"role": m.role, "content": m.content} for m in (*told, *example.messages)]
    return {"id": example.id, "messages": said, **({"group": example.group} if example.group else {})}


def needs_head(name: str, task: Task) -> bool:
    """Whether an arm is made with a classifier."""
    return any(HEAD in stage.options.values() for stage in task.controls.get(name, ()))


def classifier(ws: Workspace, study_id: str, rows: Sequence[Example], *, tell: Tell) -> tuple[Artefact, Preparation]:
    """A head on the frozen embeddings of the rows; one made before is taken."""
    name = f"{study_id}-head"
    if name not in artefacts.names(ws.store, ws.scope, "head"):
        head(ws, rows, name=name, tell=tell)
    made = artefacts.find(ws.store, ws.scope, "head", name)
    metrics = made.meta.get("metrics", {})
    cost = Preparation(cpu_s=metrics.get("cpu_seconds"), seconds=metrics.get("seconds"), tries=1, labels=len(rows))
    return made, cost


def tuning_cost(adapter: Artefact) -> Preparation:
    """What an adapter took, from its own record; its seconds are those of all cores that it used."""
    metrics = adapter.meta.get("metrics", {})
    rows, steps = int(metrics.get("rows", 0)), int(metrics.get("steps", 0))
    plain = Preparation(cpu_s=metrics.get("cpu_seconds"), seconds=metrics.get("seconds"), tries=1, labels=rows)
    return replace(plain, note=f"{steps} steps over {rows} rows")
