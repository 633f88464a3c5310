"""Tune: examples from a file to an adapter that answers under its name as soon as it is certified."""

import contextlib
import dataclasses
import json
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from afina import plugins
from afina.actions._fitting import Work, fitted, fitted_apart
from afina.actions.verify import answering, verify
from afina.border import Portal
from afina.contracts import Checkpoint, Engine, Step
from afina.domain.artefact import Artefact
from afina.domain.certificate import Certificate
from afina.domain.document import digest
from afina.domain.example import Example
from afina.domain.progress import Progress, Tell, silent
from afina.errors import BadRequest, ConfigError, EmptyExamples, NotFound, Unsupported, nearest
from afina.store import artefacts
from afina.tuning.data import load_demonstrations, load_examples
from afina.tuning.splits import Split, distinct, split, without_overlap
from afina.workspace import Workspace

WORK = Path("cache") / "tuning"
"""Checkpoints of runs that have not ended, by digest of all that they depend on."""

FEW_ROWS = 50
"""Rows below which a warning is given."""

NOTE_EVERY = 0.1
"""Share of the steps after which a line with the loss is worth keeping."""

MAY_CHANGE = ("max_minutes", "checkpoint_steps")
"""Options under another value of which a run may be gone on with."""

DIGEST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Run:
    """All that a tuning depends on. base: folder or hub name of the model; base_digest: what the adapter names."""

    name: str
    source: str
    parts: Split
    method: str
    options: Any
    engine: str
    base: Path
    base_digest: str

    @property
    def digest(self) -> str:
        """Names the folder of the checkpoints: what must be the same to go on from them."""
        data = self.data
        return digest(self.base_digest, data["train"], data["held_out"], self._method_digest(without=MAY_CHANGE))

    @property
    def method_digest(self) -> str:
        return self._method_digest()

    def _method_digest(self, *, without: Collection[str] = ()) -> str:
        options = {key: value for key, value in dataclasses.asdict(self.options).items() if key not in without}
        return digest(self.method, json.dumps(options, sort_keys=True))

    @property
    def data(self) -> dict[str, Any]:
        """Digests and counts of what is learnt from and measured on; no text."""
        return {
            "train": _digest_of(self.parts.train),
            "held_out": _digest_of(self.parts.held_out),
            "rows": len(self.parts.train),
            "held_out_rows": len(self.parts.held_out),
            "removed_rows": len(self.parts.removed),
            "file": self.source,
        }


def tune(
    ws: Workspace,
    path: Path,
    *,
    name: str,
    held_out: float | Path = 0.1,
    method: str = "lora",
    options: Mapping[str, Any] | None = None,
    max_minutes: float | None = None,
    engine: str | None = None,
    resume: bool = False,
    certify: bool = True,
    apart: bool = True,
    tell: Tell = silent,
) -> Artefact:
    """Learn the answers of a JSONL file; what comes out is stored and answers under `name` once it is certified.

    The rows that were learnt are kept as a set of examples of the same name, so that showing them can be compared.

    A name that answers already goes on with the adapter it has until the new one is certified; until then, and for
    good if it does not pass or is not certified here, the new one is kept as `<name>@<the first of its digest>`.

    held_out: share of the groups to measure on, or a file of its own. options: those of the method. resume: go on from
    the last checkpoint of the same data and options (the time limit may differ), if there is one. certify: off leaves
    the adapter without a certificate, so that it does not answer until `verify` made one. apart: fit in a process of
    its own.

    A certificate that does not pass is told, not raised: the adapter is kept and does not answer.

    Raises:
        InvalidRows, EmptyExamples, NotFound: the data. ConfigError, BadRequest: the options.
        Conflict, BrokenArtefact: the checkpoint. Unsupported: the engine cannot serve an adapter.
    """
    _check_name(ws, name)
    parts = _parts(load_examples(path), held_out)
    _tell_parts(parts, tell)
    served = ws.engine(engine, tell=tell)
    run = _run(ws, served, engine, name=name, source=path.name, parts=parts, method=method)
    run = dataclasses.replace(run, options=_options(method, {**(options or {}), **_limit(max_minutes)}, run))
    out = ws.root / WORK / run.digest[:16]
    final = _fitted(run, out, resume=resume, apart=apart, tell=tell)
    made = artefacts.bring(ws.root, kind="adapter", folder=final.folder, meta=_meta(run, final))
    learnt = load_demonstrations(path, {example.id for example in parts.train})
    _named(ws, run, made, learnt, certify=certify, tell=tell)
    shutil.rmtree(out)
    return made


def _check_name(ws: Workspace, name: str) -> None:
    """A name that something else answers to would never reach the adapter."""
    taken = set(ws.model_names()) - set(artefacts.names(ws.store, ws.scope, "adapter"))
    if not name.strip() or name in taken or name in ws.config.engine_names:
        rule = "is the name of another model" if name.strip() else "is empty"
        raise BadRequest(f'the name "{name}" {rule}; choose one that `afina models` does not list', param="name")


def _parts(examples: list[Example], held_out: float | Path) -> Split:
    """Raises EmptyExamples if nothing is left to learn from."""
    if isinstance(held_out, Path):
        parts = without_overlap(examples, load_examples(held_out))
    elif 0 <= held_out < 1:
        parts = split(examples, held_out=held_out)
    else:
        raise BadRequest(f"held_out is {held_out}; it is a share from 0 to below 1, or a file", param="held_out")
    if not parts.train:
        raise EmptyExamples(f"of {len(examples)} rows none is left to learn from; lower held_out or add rows")
    return parts


def _tell_parts(parts: Split, tell: Tell) -> None:
    tell(Progress("", note=f"{len(parts.train)} rows to learn, {len(parts.held_out)} held out"))
    if parts.removed:
        tell(Progress("", note=f"{len(parts.removed)} rows left out: held-out rows say the same"))
    doubles = len(parts.train) - len(distinct(parts.train))
    if doubles:
        tell(Progress("", note=f"{doubles} rows are there more than once and count as often"))
    if len(parts.train) < FEW_ROWS:
        note = f"{len(parts.train)} rows are few: a model may learn too little from them to be told from its base"
        tell(Progress("", note=f"{note}, and is then refused; {FEW_ROWS} or more are better"))
    if not parts.held_out:
        tell(Progress("", note="no rows are held out, so there is no held-out loss"))


def _run(ws: Workspace, served: Engine, engine: str | None, **rest: Any) -> Run:
    card = served.card
    if not card.base or not card.can.adapters:
        why = "its model is elsewhere" if not card.base else "it cannot take adapters"
        raise Unsupported(f'engine "{card.engine}" cannot serve what would be tuned: {why}', param="engine")
    name = ws.config.engine(engine)[0]
    place = ws.place(name)
    return Run(engine=name, base=place.base or Path(place.model), base_digest=card.base, options=None, **rest)


def _limit(max_minutes: float | None) -> dict[str, float]:
    return {} if max_minutes is None else {"max_minutes": max_minutes}


def _options(method: str, given: Mapping[str, Any], run: Run) -> Any:
    """The method's own options. Raises ConfigError for an unknown one, BadRequest for an impossible value."""
    kind = plugins.load("tuning.methods", method).Options
    known = [field.name for field in dataclasses.fields(kind)]
    for option in given:
        if option not in known:
            raise ConfigError(f'tuning method "{method}" has no option "{option}"{nearest(option, known)}')
    try:
        return TypeAdapter(kind).validate_python({**given, "base_digest": run.base_digest})
    except ValidationError as invalid:
        fault = invalid.errors(include_url=False)[0]
        option = str(fault["loc"][0])
        raise BadRequest(f"{option} is {fault['input']!r}: {fault['msg'].lower()}", param=option) from invalid


def _fitted(run: Run, out: Path, *, resume: bool, apart: bool, tell: Tell) -> Checkpoint:
    """Drive the method to its last checkpoint."""
    found = sorted(out.glob("step-*"))[-1:] if resume else []
    if resume and not found:
        tell(Progress("", note="there is no checkpoint of this data and these options; starting anew"))
    if not resume:
        shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    work = Work(
        run.method, run.options, run.base, run.parts.train, run.parts.held_out, out, resume=next(iter(found), None)
    )
    final: Checkpoint | None = None
    with contextlib.closing(fitted_apart(work) if apart else fitted(work)) as steps:
        for told in steps:
            if isinstance(told, Step):
                _tell_step(told, tell)
            elif told.final:
                final = told
    if final is None:
        raise NotFound(f'tuning method "{run.method}" ended without an adapter')
    return final


def _tell_step(step: Step, tell: Tell) -> None:
    pace = step.seconds / max(1, step.step)
    left = pace * (step.of - step.step)
    worth = step.step % max(1, round(step.of * NOTE_EVERY)) == 0 or step.step in (1, step.of)
    note = f"loss {step.loss:.3f}, {step.tokens / max(step.seconds, 1e-9):.0f} tokens/s" if worth else ""
    if step.held_out_loss is not None:
        note = f"{note or f'loss {step.loss:.3f}'}, held-out loss {step.held_out_loss:.3f}"
    tell(Progress("tuning", done=step.step, total=step.of, unit="steps", left_s=left, note=note))


def _meta(run: Run, final: Checkpoint) -> dict[str, Any]:
    options = dataclasses.asdict(run.options)
    return {
        "base": run.base_digest,
        "engine": run.engine,
        "method": {"name": run.method, "digest": run.method_digest, "options": options},
        "data": run.data,
        "metrics": dict(final.metrics),
        "made": time.time(),
    }


def _named(ws: Workspace, run: Run, made: Artefact, learnt: Sequence[Example], *, certify: bool, tell: Tell) -> None:
    """Give the adapter and its rows their name; a name that answers already changes hands once it is certified."""
    name, kept_as = run.name, _kept_as(ws, run.name, made, tell)
    artefacts.record(ws.store, ws.scope, made, kept_as)
    ws.demonstrations.put(ws.scope, kept_as, learnt)
    if not certify:
        return
    certificate = _certificate(ws, made, run.engine, tell)
    if certificate.passed and kept_as != name:
        artefacts.record(ws.store, ws.scope, made, name, instead_of=kept_as)
        ws.demonstrations.put(ws.scope, name, learnt)
        ws.demonstrations.remove(ws.scope, kept_as)
    _tell_verdict(certificate, name, kept_as, tell)


def _kept_as(ws: Workspace, name: str, made: Artefact, tell: Tell) -> str:
    """The name that a new adapter gets before its certificate: one of its own while another answers under its name."""
    if answering(ws, name) in (None, made.digest):
        return name
    kept_as = f"{name}@{made.digest[:DIGEST_SHOWN]}"
    tell(Progress("", note=f'"{name}" answers as before; the new adapter is kept as "{kept_as}"'))
    return kept_as


def _certificate(ws: Workspace, made: Artefact, engine: str, tell: Tell) -> Certificate:
    """Measure the adapter as it is served."""
    portal = Portal()
    try:
        return portal.run(verify(ws, made.digest, engine=engine, tell=tell))
    finally:
        portal.close()


def _tell_verdict(certificate: Certificate, name: str, kept_as: str, tell: Tell) -> None:
    """Say what the name answers with now."""
    if certificate.passed:
        said = f'"{name}" answers now' + (" with the new adapter" if kept_as != name else "")
    else:
        said = f'"{kept_as}" is kept but does not answer' + (f', "{name}" does as before' if kept_as != name else "")
    tell(Progress("", note=f"{said}: {certificate.summary}"))


def _digest_of(examples: tuple[Example, ...]) -> str:
    """Over the content in order; where it came from and what it is called do not matter."""
    return digest(
        *(
            text
            for e in examples
            for text in (str(len(e.messages)), *(t for m in e.messages for t in (m.role, m.content)))
        )
    )
