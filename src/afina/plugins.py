"""Find backends by name: the file name is the key, outside packages use entry points.

A kind is a package of this one ('engines', 'knowledge.readers', 'mechanisms.gather', ...). Sub-packages and
modules whose name starts with '_' are not backends. Outside packages register the entry-point group 'afina.<kind>'.
"""

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType

from afina.errors import ConfigError, MissingExtra, nearest


def known(kind: str) -> list[str]:
    """Names of all backends of a kind, without importing them."""
    return sorted(_modules(kind))


@cache
def _modules(kind: str) -> dict[str, str]:
    """Name -> module of a kind's backends; looked up once, since reading what is installed takes 15 ms."""
    package = importlib.import_module(f"afina.{kind}")
    own = (m.name for m in pkgutil.iter_modules(package.__path__) if not (m.ispkg or m.name.startswith("_")))
    outside = {e.name: e.value for e in entry_points(group=f"afina.{kind}")}
    return {**{name: f"afina.{kind}.{name}" for name in own}, **outside}


def load(kind: str, name: str) -> ModuleType:
    """The module of a backend, imported only now.

    Raises:
        ConfigError: no such backend; names the nearest.
        MissingExtra: it needs a package that is not installed; its EXTRA says which extra brings it.
    """
    if name not in _modules(kind):
        raise ConfigError(f'no {kind.rpartition(".")[2]} backend is called "{name}"{nearest(name, known(kind))}')
    try:
        return importlib.import_module(_modules(kind)[name])
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("afina"):
            raise
        raise MissingExtra(f'{kind} "{name}" ({missing.name})', extra=EXTRAS.get(missing.name, "standard")) from missing


EXTRAS = {
    "openvino": "openvino", "openvino_genai": "openvino", "gguf": "openvino", "tokenizers": "openvino",
    "torch": "train", "transformers": "train", "peft": "train", "safetensors": "openvino",
    "docx": "docs", "selectolax": "docs", "sklearn": "train", "threadpoolctl": "train",
}  # fmt: skip
"""Which extra brings a module."""
