"""Fit in a process of its own: its memory ends with it, and ending it stops the work at once.

The parent writes one pickled `Work`, the child pickled steps and checkpoints, then None or the error that ended it.
Both ends are this program; nothing that comes from elsewhere is unpickled.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afina import plugins
from afina.contracts import Checkpoint, Step
from afina.domain.example import Example
from afina.errors import AfinaError, EngineError


@dataclass(frozen=True, slots=True)
class Work:
    """All that a method needs. options: the method's own, validated. resume: a checkpoint to go on from."""

    method: str
    options: Any
    base: Path
    train: tuple[Example, ...]
    held_out: tuple[Example, ...]
    out: Path
    resume: Path | None


def fitted(work: Work) -> Generator[Step | Checkpoint]:
    """Fit here: every step and checkpoint."""
    method = plugins.load("tuning.methods", work.method).build(work.options)
    yield from method.fit(work.base, work.train, work.held_out, out=work.out, resume=work.resume)


def fitted_apart(work: Work) -> Generator[Step | Checkpoint]:
    """Fit in a child; leaving early ends it, and its last checkpoint stays.

    Raises:
        EngineError: the child died. And whatever the method raises.
    """
    command = [sys.executable, "-P", "-W", "ignore::FutureWarning", "-m", "afina.actions._fitting"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        with closing(child.stdin) as asked:
            pickle.dump(work, asked)
        while (told := _next(child)) is not None:
            if isinstance(told, AfinaError):
                raise told
            yield told
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def _next(child: subprocess.Popen[bytes]) -> Any:
    assert child.stdout is not None
    try:
        return pickle.load(child.stdout)
    except EOFError as silence:
        raise EngineError(f"tuning stopped without a word (exit status {child.wait()}); --resume goes on") from silence


def _main() -> None:
    """The child. What libraries print goes to stderr, so that it cannot stand between the pickles."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            for told in fitted(pickle.load(sys.stdin.buffer)):
                pickle.dump(told, out)
                out.flush()
            pickle.dump(None, out)
        except AfinaError as error:
            pickle.dump(error, out)


if __name__ == "__main__":
    _main()
