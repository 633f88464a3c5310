"""Model and adapter folders as untrusted input: what is refused before a library interprets any of it."""

import hashlib
import json
from pathlib import Path
from typing import Any

from afina.domain.artefact import artefact_digest
from afina.errors import BrokenArtefact

CODE_KEYS = ("auto_map", "custom_pipelines", "auto_mapping", "quantization_config_file")
"""Configuration keys by which a model can make a library import or run other code."""
PRIVATE_KEYS = ("_attn_implementation_internal", "_attn_implementation", "_experts_implementation")
"""Keys that choose kernels, some of which are fetched by name; a saved model has no business setting them."""
CONFIGS = ("config.json", "tokenizer_config.json", "generation_config.json", "processor_config.json")


def check_model(folder: Path) -> dict[str, Any]:
    """The config.json of a model folder that is safe to load.

    Raises:
        BrokenArtefact: it asks for code, has no safetensors weights, or its configuration cannot be read.
    """
    for name in CONFIGS:
        if (folder / name).exists():
            _refuse_code(folder / name)
    if not list(folder.glob("*.safetensors")):
        raise BrokenArtefact(f"{folder} has no *.safetensors; other weight formats can run code and are not read")
    return read_json(folder / "config.json")


def check_adapter(folder: Path) -> dict[str, Any]:
    """The adapter_config.json of a PEFT folder that is safe to load.

    Raises:
        BrokenArtefact: it asks for code, has no adapter_model.safetensors, or cannot be read.
    """
    config = _refuse_code(folder / "adapter_config.json")
    if not (folder / "adapter_model.safetensors").is_file():
        raise BrokenArtefact(f"{folder} has no adapter_model.safetensors; other formats can run code and are not read")
    return config


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; raises BrokenArtefact naming it."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BrokenArtefact(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise BrokenArtefact(f"{path} is not a JSON object")
    return value


def _refuse_code(path: Path) -> dict[str, Any]:
    config = read_json(path)
    for key in (*CODE_KEYS, *PRIVATE_KEYS):
        if _somewhere(config, key):
            raise BrokenArtefact(f'{path} sets "{key}", which can run code of the model\'s maker; it is not loaded')
    return config


def _somewhere(value: Any, key: str) -> bool:
    """Whether a key with a value other than null stands at any depth."""
    if isinstance(value, dict):
        return value.get(key) is not None or any(_somewhere(inner, key) for inner in value.values())
    return isinstance(value, list) and any(_somewhere(inner, key) for inner in value)


def digest_of_folder(folder: Path) -> str:
    """The digest of a model folder's files, as `domain.artefact.artefact_digest` defines it; every byte is read."""
    files: dict[str, str] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            files[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return artefact_digest(files)
