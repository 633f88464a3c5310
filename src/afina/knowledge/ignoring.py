"""Which files of a folder are not wanted: patterns in the manner of .gitignore.

'name' and '*.log' match a file or folder of that name anywhere; 'a/b' and '/a' from the top; 'a/' only folders;
'!x' takes back. The last pattern that matches decides. Hidden files and folders are never wanted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

FILE = ".afinaignore"


@dataclass(frozen=True, slots=True)
class Ignored:
    patterns: tuple[str, ...]

    def __call__(self, relative: PurePosixPath, *, folder: bool) -> bool:
        verdict = False
        for pattern in self.patterns:
            bare = pattern.removeprefix("!")
            if _matches(bare, relative, folder=folder):
                verdict = not pattern.startswith("!")
        return verdict


def ignored_in(folder: Path, more: Sequence[str] = ()) -> Ignored:
    """The patterns of the folder's .afinaignore, then `more`."""
    file = folder / FILE
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    kept = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return Ignored((*kept, *more))


def files_in(folder: Path, ignored: Ignored) -> Iterator[tuple[Path, str]]:
    """(path, name relative to the folder) of every wanted file, sorted. Links that lead out of the folder are left."""
    top = folder.resolve()
    for path in sorted(folder.iterdir()):
        yield from _walk(path, top, PurePosixPath(path.name), ignored)


def _walk(path: Path, top: Path, relative: PurePosixPath, ignored: Ignored) -> Iterator[tuple[Path, str]]:
    is_folder = path.is_dir()
    if relative.name.startswith(".") or ignored(relative, folder=is_folder):
        return
    if path.is_symlink() and (is_folder or not path.resolve().is_relative_to(top)):
        return
    if is_folder:
        for inner in sorted(path.iterdir()):
            yield from _walk(inner, top, relative / inner.name, ignored)
    elif path.is_file():
        yield path, str(relative)


def _matches(pattern: str, relative: PurePosixPath, *, folder: bool) -> bool:
    if pattern.endswith("/"):
        if not folder:
            return False
        pattern = pattern.rstrip("/")
    if "/" in pattern:
        return fnmatchcase(str(relative), pattern.lstrip("/"))
    return fnmatchcase(relative.name, pattern)
