"""Records of what was answered: ids, hashes and counts, never the text of a document or of an answer."""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from afina.domain.ask import Scope
from afina.errors import NotFound
from afina.store.db import Store


def new_id() -> str:
    return f"run_{uuid.uuid4().hex[:24]}"


@dataclass(frozen=True, slots=True)
class Run:
    """One answered request. body: tokens by part, what was left out, passage ids, digests, usage, finish."""

    model: str
    recipe: str
    engine: str
    body: Mapping[str, Any]
    id: str = field(default_factory=new_id)
    created: float = field(default_factory=time.time)


def save(store: Store, scope: Scope, run: Run) -> None:
    with store.writing() as db:
        db.execute(
            "INSERT INTO runs (project, id, user, model, recipe, engine, created, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (scope.project, run.id, scope.user, run.model, run.recipe, run.engine, run.created, json.dumps(run.body)),
        )


def find(store: Store, scope: Scope, run_id: str) -> Run:
    """Raises NotFound, also for another project's run."""
    with store.reading() as db:
        row = db.execute("SELECT * FROM runs WHERE project = ? AND id = ?", (scope.project, run_id)).fetchone()
    if row is None:
        raise NotFound(f'no run "{run_id}"')
    return Run(row["model"], row["recipe"], row["engine"], json.loads(row["body"]), row["id"], row["created"])


def latest(store: Store, scope: Scope, *, limit: int = 20) -> list[Run]:
    """Newest first."""
    with store.reading() as db:
        rows = db.execute(
            "SELECT * FROM runs WHERE project = ? ORDER BY created DESC LIMIT ?", (scope.project, limit)
        ).fetchall()
    return [Run(r["model"], r["recipe"], r["engine"], json.loads(r["body"]), r["id"], r["created"]) for r in rows]
