"""What tuning leaves on disk: checkpoints to go on from, and the finished adapter in PEFT format."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peft import LoraConfig
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from afina.domain.artefact import artefact_digest
from afina.errors import BrokenArtefact

STATE, MANIFEST, FINISHED = "state.safetensors", "manifest.json", ".finished"


def write_state(folder: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> Path:
    """A checkpoint: all of it under `folder`, or nothing. No pickle: tensors, and a sealed JSON with their hash."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, partial / STATE)
    said = {"files": {STATE: _sha256(partial / STATE)}, "notes": notes}
    (partial / MANIFEST).write_text(json.dumps({**said, "seal": _seal(said)}, ensure_ascii=False))
    publish(partial, folder)
    return folder


def publish(partial: Path, folder: Path) -> None:
    """Sync a finished folder and give it its name."""
    for path in (*partial.iterdir(), partial):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def read_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and notes of a checkpoint.

    Raises:
        BrokenArtefact: it is not as it was written.
    """
    try:
        said = json.loads((folder / MANIFEST).read_bytes())
        sound = said.pop("seal") == _seal(said) and said["files"] == {STATE: _sha256(folder / STATE)}
        if not sound:
            raise BrokenArtefact(f"{folder} is not as it was written; start without resume")
        return load_file(folder / STATE), said["notes"]
    except (OSError, ValueError, KeyError, AttributeError, SafetensorError) as error:
        raise BrokenArtefact(f"{folder} is no checkpoint to resume from: {error}") from error


def _seal(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def latest(out: Path) -> Path | None:
    """The newest whole checkpoint below a folder of tuning; None if there is none."""
    found = sorted(p for p in out.glob("step-*") if (p / MANIFEST).exists())
    return found[-1] if found else None


def drop_older(out: Path, *, keep: int) -> None:
    for old in sorted(out.glob("step-*"))[:-keep]:
        shutil.rmtree(old)


def write_adapter(folder: Path, tensors: Mapping[str, Tensor], config: LoraConfig, *, base: str) -> Path:
    """The adapter in PEFT format, float32, the same bytes for the same values; its base is named by digest."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file(dict(tensors), partial / "adapter_model.safetensors", metadata={"format": "pt"})
    settings = {**config.to_dict(), "base_model_name_or_path": base, "inference_mode": True}
    text = json.dumps(settings, indent=2, sort_keys=True, default=sorted)
    (partial / "adapter_config.json").write_text(text + "\n")
    publish(partial, folder)
    return folder


def folder_digest(folder: Path) -> str:
    """The digest under which a folder of files is an artefact."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return artefact_digest({p.relative_to(folder).as_posix(): _sha256(p) for p in files})


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
