"""The most memory that this process and its children took, where the kernel says (Linux)."""

import os
from collections.abc import Callable
from pathlib import Path

PROC = Path("/proc")
RESET = "5"
"""Written to clear_refs, it sets a process's peak to what it holds now (proc_pid_clear_refs(5))."""


def peak_of_tree(root: int | None = None) -> Callable[[], int | None]:
    """A reading that gives the summed peaks, in bytes, since it was last taken, and starts anew.

    An upper bound: peaks of several processes need not coincide, and shared pages are counted in each. None where it
    cannot be known.
    """
    pid = os.getpid() if root is None else root

    def peak() -> int | None:
        sizes = [size for p in _tree(pid) if (size := _peak_bytes(p)) is not None]
        for process in _tree(pid):
            _reset(process)
        return sum(sizes) if sizes else None

    return peak


def _tree(pid: int) -> list[int]:
    children = (_children(task) for task in sorted((PROC / str(pid) / "task").glob("*")))
    return [pid, *(p for some in children for child in some for p in _tree(child))]


def _children(task: Path) -> list[int]:
    try:
        return [int(child) for child in (task / "children").read_text().split()]
    except OSError:
        return []


def _peak_bytes(pid: int) -> int | None:
    try:
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        return None
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "")
    return int(line.split()[1]) * 1024 if line else None


def _reset(pid: int) -> None:
    """Where it is not allowed, the peak stays that of the whole life of the process."""
    try:
        (PROC / str(pid) / "clear_refs").write_text(RESET)
    except OSError:
        return
