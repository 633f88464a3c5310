"""Studies that were begun: what each measures, and its report, made anew from the store whenever it is wanted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from afina.domain.example import Case
from afina.domain.report import Agreement, LeftOut, Overlap, Preparation, Report, Stopped
from afina.errors import Conflict
from afina.evaluation.budget import Budget
from afina.evaluation.conclude import Entry, Facts, Heading, concluded
from afina.evaluation.cost import Rates
from afina.evaluation.design import Design, task_of
from afina.store import studies
from afina.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Listed:
    """A study in a list. arms: none while it is being built. recommended: '' while it is unfinished or undecided."""

    id: str
    name: str
    created: float
    task: str
    cases: int
    arms: tuple[str, ...]
    recommended: str
    finished: bool


def listed(ws: Workspace) -> list[Listed]:
    """Newest first."""
    return [_listed(study) for study in studies.latest(ws.store, ws.scope, limit=-1)]


def _listed(study: studies.Study) -> Listed:
    body = study.body
    return Listed(
        study.id, study.name, study.created, body["design"]["task"], len(body["cases"]),
        tuple(e["name"] for e in body.get("entries", ())), body.get("recommended") or "", "recommended" in body,
    )  # fmt: skip


def report_of(ws: Workspace, study: str) -> Report:
    """The report of a finished study, by id, the beginning of its id, or name (the newest).

    Raises:
        NotFound: no such study. Conflict: it is not finished; running the same comparison again goes on with it.
    """
    found = studies.called(ws.store, ws.scope, study)
    body = found.body
    if "entries" not in body or "stopped" not in body:
        raise Conflict(f'study "{found.name}" ({found.id}) is not finished; run the same comparison again to go on')
    design = design_of(body["design"])
    heading = Heading(
        id=found.id, name=found.name, created=found.created, engine=body["engine"], settings=body["settings"]
    )
    facts = Facts(
        task=task_of(design), delta=design.delta, rates=Rates(**body["rates"]) if "rates" in body else rates_of(ws),
        stopped=tuple(Stopped(**s) for s in body["stopped"]), skipped=tuple(LeftOut(**s) for s in body["skipped"]),
        overlap=_overlap(body["overlap"]), judges=tuple(Agreement(**j) for j in body.get("judges", ())),
        texts=studies.texts_of(ws.store, ws.scope, found.id),
    )  # fmt: skip
    entries = [entry_of(e) for e in body["entries"]]
    measured = {name for entry in entries for name in entry.rows}
    rows = [r for r in studies.rows_of(ws.store, ws.scope, found.id) if r.arm in measured]
    return concluded(entries, cases_of(body["cases"]), rows, facts, heading)


def rates_of(ws: Workspace) -> Rates:
    """What turns counts into costs, from afina.toml."""
    return Rates(**ws.config.costs.rates)


def design_as_json(design: Design) -> dict[str, Any]:
    return asdict(design)


def design_of(body: Mapping[str, Any]) -> Design:
    lists = {name: tuple(value) for name, value in body.items() if isinstance(value, list | tuple)}
    return Design(**{**body, **lists, "budget": Budget(**body["budget"])})


def cases_as_json(cases: Sequence[Case]) -> list[dict[str, Any]]:
    return [asdict(case) for case in cases]


def cases_of(body: Sequence[Mapping[str, Any]]) -> list[Case]:
    return [Case(**{**case, "answers": tuple(case["answers"])}) for case in body]


def entry_as_json(entry: Entry) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(entry)))  # type: ignore[no-any-return]


def entry_of(body: Mapping[str, Any]) -> Entry:
    return Entry(**{**body, "preparation": Preparation(**body["preparation"]), "members": tuple(body["members"])})


def _overlap(body: Mapping[str, Any]) -> Overlap:
    lists = {name: tuple(body.get(name, ())) for name in ("exact", "near", "index")}
    return Overlap(rows=body["rows"], removed=body["removed"], **lists)
