"""Folders of cached files with a manifest.json: {"files": {name: sha256}, ..., "seal": sha256 of the rest}."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from afina.store.durable import sha256_of

MANIFEST = "manifest.json"


def manifest_problems(root: Path, folder: Path) -> Iterator[str]:
    """Every file of a folder that is not what its manifest says, as 'path: what'; paths are relative to `root`."""
    shown = folder.relative_to(root)
    try:
        said = json.loads((folder / MANIFEST).read_bytes())
        seal, files = said.pop("seal"), said["files"]
        sound = seal == hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        sound, files = False, {}
    if not sound:
        yield f"{shown / MANIFEST}: missing, or not as it was written"
        return
    there = {path.name for path in folder.iterdir() if path.is_file()} - {MANIFEST}
    for name in sorted(there | set(files)):
        if name not in there:
            yield f"{shown / name}: missing"
        elif name not in files:
            yield f"{shown / name}: not in {MANIFEST}"
        elif sha256_of(folder / name) != files[name]:
            yield f"{shown / name}: not as it was written"
