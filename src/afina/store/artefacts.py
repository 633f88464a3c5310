"""Folders named by what is in them: artefacts/<kind>/<digest>/, and their rows in the store.

A folder appears whole or not at all: written under a temporary name, every file and the folder synced, renamed, the
parent synced; only then comes the row. Every byte is hashed while it is copied and when it is read back.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from afina.domain.artefact import Artefact, Kind, artefact_digest
from afina.domain.ask import Scope
from afina.errors import BrokenArtefact, NotFound, nearest
from afina.store.db import Store
from afina.store.durable import BLOCK_BYTES, sha256_of, sync_folder

SCRATCH = ".tmp-"
"""How folders begin that a crash may leave behind; nothing ever reads them."""

KINDS: tuple[Kind, ...] = get_args(Kind)


def put(
    store: Store, root: Path, scope: Scope, *, kind: Kind, name: str, folder: Path, meta: Mapping[str, Any]
) -> Artefact:
    """Copy a folder in under the digest of its files and record it under a name; the newest of a name is in use.

    root: the workspace. The same content twice is one folder, which may have several names.

    Raises:
        BrokenArtefact: the folder is empty.
    """
    artefact = bring(root, kind=kind, folder=folder, meta=meta)
    record(store, scope, artefact, name)
    return artefact


def bring(root: Path, *, kind: Kind, folder: Path, meta: Mapping[str, Any]) -> Artefact:
    """Copy a folder in under the digest of its files; until `record` names it, nothing finds it.

    Raises:
        BrokenArtefact: the folder is empty.
    """
    scratch = root / "artefacts" / kind / f"{SCRATCH}{os.getpid()}-{time.monotonic_ns()}"
    scratch.mkdir(parents=True)
    try:
        files = _copied(folder, scratch)
        if not files:
            raise BrokenArtefact(f"{folder} holds no files; there is nothing to keep as {kind}")
        artefact = Artefact(kind, artefact_digest(files), files, dict(meta))
        _settle(scratch, folder_of(root, artefact), artefact)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return artefact


def record(store: Store, scope: Scope, artefact: Artefact, name: str, *, instead_of: str | None = None) -> None:
    """Let a name stand for an artefact from now on, as the newest of that name.

    instead_of: another name of the same artefact, which it loses in the same moment.
    """
    with store.writing() as db:
        if instead_of is not None:
            db.execute(
                "DELETE FROM artefacts WHERE project = ? AND kind = ? AND digest = ? AND name = ?",
                (scope.project, artefact.kind, artefact.digest, instead_of),
            )
        db.execute(
            "INSERT OR REPLACE INTO artefacts (project, kind, digest, name, files, meta, created) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                scope.project,
                artefact.kind,
                artefact.digest,
                name,
                json.dumps(artefact.files, sort_keys=True),
                json.dumps(artefact.meta, sort_keys=True),
                time.time(),
            ),
        )


def find(store: Store, scope: Scope, kind: Kind, name_or_digest: str) -> Artefact:
    """By whole digest, or the newest of a name.

    Raises:
        NotFound: neither; names the nearest.
    """
    with store.reading() as db:
        row = db.execute(
            "SELECT * FROM artefacts WHERE project = ? AND kind = ? AND (digest = ? OR name = ?) "
            "ORDER BY digest = ? DESC, created DESC LIMIT 1",
            (scope.project, kind, name_or_digest, name_or_digest, name_or_digest),
        ).fetchone()
    if row is None:
        raise NotFound(f'no {kind} is called "{name_or_digest}"{nearest(name_or_digest, names(store, scope, kind))}')
    return _artefact(row)


def all_of(store: Store, scope: Scope, kind: Kind) -> list[tuple[str, Artefact]]:
    """(name, artefact), newest first; older ones of a name are there too."""
    with store.reading() as db:
        rows = db.execute(
            "SELECT * FROM artefacts WHERE project = ? AND kind = ? ORDER BY created DESC, digest",
            (scope.project, kind),
        ).fetchall()
    return [(row["name"], _artefact(row)) for row in rows]


def every(store: Store) -> list[Artefact]:
    """Of all projects and kinds, each once: for looking over the whole workspace."""
    with store.reading() as db:
        rows = db.execute("SELECT *, max(created) FROM artefacts GROUP BY kind, digest").fetchall()
    return [_artefact(row) for row in rows]


def names(store: Store, scope: Scope, kind: Kind) -> list[str]:
    return sorted({name for name, _ in all_of(store, scope, kind)})


def names_of(store: Store, scope: Scope, artefact: Artefact) -> list[str]:
    """What one artefact is called, the newest name first."""
    return [name for name, other in all_of(store, scope, artefact.kind) if other.digest == artefact.digest]


def folder_of(root: Path, artefact: Artefact) -> Path:
    return root / "artefacts" / artefact.kind / artefact.digest


def verify(root: Path, artefact: Artefact) -> None:
    """Hash every file again.

    Raises:
        BrokenArtefact: names the first file that is missing, changed, or not recorded.
    """
    for problem in problems(root, artefact):
        raise BrokenArtefact(problem)


def problems(root: Path, artefact: Artefact) -> Iterator[str]:
    """Every file that is not what its hash says, as 'path: what'; paths are relative to the workspace."""
    folder = folder_of(root, artefact)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name in sorted(there | set(artefact.files)):
        shown = (folder / name).relative_to(root)
        if name not in there:
            yield f"{shown}: missing"
        elif name not in artefact.files:
            yield f"{shown}: does not belong to this artefact"
        elif sha256_of(folder / name) != artefact.files[name]:
            yield f"{shown}: its bytes are not those that were stored"


def unrecorded(store: Store, root: Path) -> list[Path]:
    """Folders below artefacts/ that no row of any project names: left by a crash, or put there by hand."""
    with store.reading() as db:
        known = {(row["kind"], row["digest"]) for row in db.execute("SELECT kind, digest FROM artefacts")}
    return [
        folder
        for kind in KINDS
        for folder in sorted((root / "artefacts" / kind).glob("*"))
        if (kind, folder.name) not in known
    ]


def _copied(source: Path, target: Path) -> dict[str, str]:
    """Copy all files, synced; path -> sha256 of the bytes that were written."""
    files = {}
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        name = path.relative_to(source).as_posix()
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        files[name] = _copy_synced(path, target / name)
    for folder in sorted((p for p in target.rglob("*") if p.is_dir()), reverse=True):
        sync_folder(folder)
    sync_folder(target)
    return files


def _copy_synced(source: Path, target: Path) -> str:
    h = hashlib.sha256()
    with source.open("rb") as reading, target.open("wb") as writing:
        while block := reading.read(BLOCK_BYTES):
            h.update(block)
            writing.write(block)
        writing.flush()
        os.fsync(writing.fileno())
    return h.hexdigest()


def _settle(scratch: Path, final: Path, artefact: Artefact) -> None:
    """Give a finished folder its name. One that is there already stays if it is sound, and makes way if not."""
    if final.exists() and list(problems(final.parents[2], artefact)):
        final.rename(scratch.with_name(f"{scratch.name}-replaced"))
    try:
        scratch.rename(final)
        sync_folder(final.parent)
    except OSError:  # it is there, perhaps since a moment ago by another process
        if not final.exists():
            raise
    shutil.rmtree(scratch.with_name(f"{scratch.name}-replaced"), ignore_errors=True)


def _artefact(row: Any) -> Artefact:
    return Artefact(row["kind"], row["digest"], json.loads(row["files"]), json.loads(row["meta"]))
