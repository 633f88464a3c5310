"""The demo's documents as files in a folder: the standard library's documentation, and the Spanish handbook."""

import sys
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from afina.demo import stdlib
from afina.domain.document import digest

LIBRARY, MANUAL = "stdlib", "manual"
"""Names of the folders, and of the collections made of them."""


def origin() -> str:
    """Changes when what is written would: another Python, another way of extracting, another handbook."""
    package = files("afina.demo")
    sources = [package / "stdlib.py", package / "inspected.py", *_pages()]
    return digest(sys.version, *(source.read_bytes() for source in sources))


def write_library(folder: Path) -> dict[str, str]:
    """One Markdown file a module below folder/stdlib; returns file name -> text. What is no longer there is removed."""
    return _written(folder / LIBRARY, ((f"{name}.md", text) for name, text in stdlib.documents()))


def write_manual(folder: Path) -> dict[str, str]:
    """The handbook's pages below folder/manual; returns file name -> text."""
    return _written(folder / MANUAL, ((page.name, page.read_text(encoding="utf-8")) for page in _pages()))


def read_back(folder: Path) -> dict[str, str]:
    """File name -> text of what was written before."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}


def tuning_names(names: Iterable[str]) -> list[str]:
    """The files about modules of the tuning part."""
    return [name for name in names if stdlib.part(name.removesuffix(".md")) == "tune"]


def _pages() -> list[Traversable]:
    return sorted((files("afina.demo") / "handbook_es").iterdir(), key=lambda page: page.name)


def _written(folder: Path, documents: Iterable[tuple[str, str]]) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    written = dict(documents)
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    for path in folder.glob("*.md"):
        if path.name not in written:
            path.unlink()
    return written
