"""Patterns of files that are not wanted."""

from pathlib import Path, PurePosixPath

import pytest

from afina.knowledge.ignoring import Ignored, files_in, ignored_in


@pytest.mark.parametrize(
    ("patterns", "path", "folder", "ignored"),
    [
        (("*.log",), "a/b.log", False, True),
        (("build/",), "build", True, True),
        (("build/",), "build", False, False),
        (("a/*.txt",), "a/x.txt", False, True),
        (("a/*.txt",), "b/a/x.txt", False, False),
        (("/top.md",), "top.md", False, True),
        (("*.md", "!keep.md"), "keep.md", False, False),
        ((), "a.md", False, False),
    ],
)
def test_patterns(patterns: tuple[str, ...], path: str, folder: bool, ignored: bool) -> None:
    assert Ignored(patterns)(PurePosixPath(path), folder=folder) is ignored


def test_links_out_of_the_folder_and_hidden_files_are_left(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "b.txt").write_text("b")
    (folder / "a.txt").write_text("a")
    (folder / ".env").write_text("KEY=1")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "loop").symlink_to(folder)
    assert [name for _, name in files_in(folder, ignored_in(folder))] == ["a.txt", "sub/b.txt"]
