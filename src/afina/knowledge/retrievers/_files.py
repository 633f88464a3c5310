"""A folder of arrays and a manifest with the hash of each: written once, verified when opened, never trusted.

An index is a cache of the store: whatever is not exactly as it was written is built again.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.errors import BrokenArtefact

MANIFEST = "manifest.json"
CHUNK_BYTES = 1 << 20


def write(folder: Path, fill: Callable[[Path], Mapping[str, Any]]) -> None:
    """Make `folder` whole or not at all. fill: writes files into the folder it is given, returns what to note.

    Another process may have made the same folder meanwhile; then that one stays.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        notes = dict(fill(made))
        files = {path.name: sha256_of(path) for path in sorted(made.iterdir())}
        (made / MANIFEST).write_text(json.dumps(sealed({**notes, "files": files}), ensure_ascii=False, indent=1))
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def verified(folder: Path) -> dict[str, Any]:
    """The notes of a folder all of whose bytes are as they were written.

    Raises:
        BrokenArtefact: names the file that is not.
    """
    try:
        notes = json.loads((folder / MANIFEST).read_bytes())
        whole = isinstance(notes, dict) and sealed(notes)["seal"] == notes.get("seal")
    except (OSError, ValueError) as error:
        raise BrokenArtefact(f"{folder / MANIFEST}: {error}") from error
    if not whole:
        raise BrokenArtefact(f"{folder / MANIFEST} is not as it was written")
    for name, wanted in notes["files"].items():
        if not (folder / name).is_file() or sha256_of(folder / name) != wanted:
            raise BrokenArtefact(f"{folder / name} is not as it was written")
    return dict(notes)


def sealed(notes: Mapping[str, Any]) -> dict[str, Any]:
    """The notes with a hash over all of them, so that a changed manifest is noticed too."""
    rest = {name: value for name, value in notes.items() if name != "seal"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=False)
    return {**rest, "seal": hashlib.sha256(text.encode()).hexdigest()}


def sha256_of(path: Path) -> str:
    h = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            h.update(chunk)
    return h.hexdigest()


def save(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values, allow_pickle=False)


def mapped(folder: Path, name: str) -> NDArray[Any]:
    """An array left on the disk and read as it is needed."""
    array: NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    return array.view(np.ndarray)


def drop_others(parent: Path, keep: Path) -> None:
    """Unlink every index of a folder but one; whoever still reads an old one keeps it until done."""
    for folder in parent.iterdir():
        if folder != keep and not folder.name.startswith(".making-"):
            shutil.rmtree(folder, ignore_errors=True)
