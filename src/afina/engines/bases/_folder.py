"""Folders made once per machine: written under a temporary name, renamed, and checked by hash when used again."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from afina.domain.artefact import artefact_digest
from afina.errors import StoreError


@dataclass(frozen=True, slots=True)
class Bases:
    """A base (for tuning and the reference) and the files made of the same numbers for serving it.

    digests: of the folders' files, see `domain.artefact.artefact_digest`; base_digest is what adapters name.
    """

    base: Path
    base_digest: str
    serving: Path
    serving_digest: str


Files = Mapping[str, str]


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_in(folder: Path) -> dict[str, str]:
    """Relative path -> sha256 of every file below a folder."""
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): sha256_of(p) for p in found}


def made_once(cache: Path, key: str, *, make: Callable[[Path, Path, Path], None]) -> Bases:
    """The bases recorded under `key`, or those that `make(base, serving, scratch)` writes into empty folders.

    Two processes may make them at the same time; the first to rename wins and both read the same bytes.
    A folder that is no longer what was recorded is made again.

    Raises:
        StoreError: the cache folder cannot be written.
    """
    record = cache / "bases" / f"{key}.json"
    kept = recorded(cache, key)
    if kept is not None and not broken(cache, key):
        return kept
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=record.parent, prefix="making-") as name:
            base, serving, scratch = (Path(name) / part for part in ("base", "serving", "scratch"))
            for folder in (base, serving, scratch):
                folder.mkdir()
            make(base, serving, scratch)
            parts = {"base": _kept(base, record.parent), "serving": _kept(serving, record.parent)}
            _write_record(record, parts)
    except OSError as failed:
        raise StoreError(f"the cache {cache} cannot be written: {failed}") from failed
    return _bases(record.parent, parts)


def recorded(cache: Path, key: str) -> Bases | None:
    """What was made under `key` on this machine, unchecked; None if nothing was."""
    parts = _read_record(cache / "bases" / f"{key}.json")
    return None if parts is None else _bases(cache / "bases", parts)


def broken(cache: Path, key: str) -> list[str]:
    """Paths of files that are missing or not what was recorded; every byte is read (about 1 s a GB)."""
    parts = _read_record(cache / "bases" / f"{key}.json") or {}
    wrong = []
    for part, files in parts.items():
        folder = cache / "bases" / artefact_digest(files)
        wrong += [str(folder / f) for f, sha in files.items() if not _holds(folder / f, sha)]
        extra = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - set(files)
        wrong += [f"{folder / f} (not part of the {part})" for f in sorted(extra)]
    return wrong


def _holds(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256


def _kept(folder: Path, home: Path) -> dict[str, str]:
    """Move a finished folder to the name of its digest; a folder of that name is replaced if it is broken."""
    files = files_in(folder)
    for name in files:
        _synced(folder / name)
    final = home / artefact_digest(files)
    if final.exists() and files_in(final) != files:
        final.rename(folder.with_name(f"{folder.name}-broken"))
    with suppress(OSError):  # another process was first; it moved the same bytes there
        folder.rename(final)
    if files_in(final) != files:
        raise OSError(f"{final} is not what was just written there")
    return files


def _synced(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _write_record(path: Path, parts: Mapping[str, Files]) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(parts, indent=1, sort_keys=True), encoding="utf-8")
    _synced(temporary)
    temporary.replace(path)


def _read_record(path: Path) -> dict[str, dict[str, str]] | None:
    try:
        parts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return None
    return parts if isinstance(parts, dict) and {"base", "serving"} <= set(parts) else None


def _bases(home: Path, parts: Mapping[str, Files]) -> Bases:
    base, serving = artefact_digest(parts["base"]), artefact_digest(parts["serving"])
    return Bases(home / base, base, home / serving, serving)
