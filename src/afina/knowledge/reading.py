"""Files to text in a child process: whatever a parser does, it costs one file.

The child has limits on memory and processor time, no secrets in its environment, and answers in JSON, which is all
that is believed of it. It lives for many files and is started again when it dies.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import TracebackType
from typing import IO, Any

from afina import plugins
from afina.domain.document import Parsed
from afina.errors import MissingExtra, UnreadableDocument

KIND = "knowledge.readers"
CHILD = "afina.knowledge._reading_child"


@dataclass(frozen=True, slots=True)
class Limits:
    """For one file. memory_bytes: address space of the child. output_bytes: of the answer."""

    seconds: float = 60.0
    memory_bytes: int = 2 << 30
    input_bytes: int = 200 << 20
    output_bytes: int = 64 << 20


def readers() -> dict[str, str]:
    """Suffix -> name of its reader. A reader whose packages are missing still claims its own name as suffix."""
    found = {}
    for name in plugins.known(KIND):
        try:
            suffixes = plugins.load(KIND, name).SUFFIXES
        except MissingExtra:
            suffixes = (f".{name}",)
        found.update(dict.fromkeys(suffixes, name))
    return found


class Reading:
    """Reads files one at a time in a child; a context manager."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._readers = readers()
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Reading":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def knows(self, name: str) -> bool:
        return PurePath(name).suffix.lower() in self._readers

    def read(self, data: bytes, name: str) -> Parsed:
        """The text of a file; its suffix says by which reader.

        Raises:
            UnreadableDocument: no reader for it, damaged, too large, too slow; with the page if it has pages.
            MissingExtra: its reader needs a package that is not installed.
        """
        suffix = PurePath(name).suffix.lower()
        if suffix not in self._readers:
            known = ", ".join(sorted(self._readers))
            raise UnreadableDocument(f'no reader for "{suffix or name}" (there is: {known})')
        if len(data) > self._limits.input_bytes:
            raise UnreadableDocument(f"it has {len(data):,} bytes, more than {self._limits.input_bytes:,}")
        plugins.load(KIND, self._readers[suffix])
        return self._asked({"reader": self._readers[suffix], "name": name, "size": len(data)}, data)

    def close(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                _close(pipe)

    def _asked(self, request: Mapping[str, Any], data: bytes) -> Parsed:
        child = self._child = self._child or _started(self._limits)
        late = threading.Event()

        def stop() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(self._limits.seconds, stop)
        timer.start()
        page: int | None = None
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(json.dumps(request).encode() + b"\n" + data)
            child.stdin.flush()
            while (said := _frame(child.stdout, self._limits)) is not None and "page" in said and "reason" not in said:
                page = said["page"]
        except (OSError, ValueError) as error:
            said = None
            if isinstance(error, ValueError):
                raise self._failed(f"its reader answered nonsense: {error}", page) from error
        finally:
            timer.cancel()
        if said is None or late.is_set():
            raise self._failed(_ending(child, self._limits, late=late.is_set()), page)
        if "reason" in said:
            raise UnreadableDocument(str(said["reason"]), page=said.get("page"))
        return _parsed(said)

    def _failed(self, reason: str, page: int | None) -> UnreadableDocument:
        self.close()
        return UnreadableDocument(reason, page=page)


def _started(limits: Limits) -> "subprocess.Popen[bytes]":
    """A child that sees the package and nothing of this process's environment."""
    place = str(Path(plugins.__file__).parents[1])
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", CHILD, str(limits.memory_bytes), str(int(limits.seconds) + 1), str(limits.output_bytes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=os.path.sep,
        env={**kept, "PYTHONPATH": place, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )


def _frame(pipe: IO[bytes], limits: Limits) -> dict[str, Any] | None:
    """One answer: its length as a line, then JSON. None when the child is gone."""
    head = pipe.readline(32)
    if not head.endswith(b"\n"):
        return None
    size = int(head)
    if not 0 <= size <= limits.output_bytes:
        raise ValueError(f"{size} bytes")
    body = pipe.read(size)
    if len(body) < size:
        return None
    said = json.loads(body)
    if not isinstance(said, dict):
        raise ValueError("no object")
    return said


def _ending(child: "subprocess.Popen[bytes]", limits: Limits, *, late: bool) -> str:
    if late:
        return f"it was not read within {limits.seconds:g} s"
    code = child.wait(timeout=10)
    return f"its reader crashed (signal {-code})" if code < 0 else f"its reader ended with status {code}"


def _parsed(said: Mapping[str, Any]) -> Parsed:
    """The answer as a value; raises UnreadableDocument where it is not what a reader may say."""
    try:
        return Parsed(
            text=str(said["text"]),
            title=str(said["title"]),
            pages=tuple(int(at) for at in said["pages"]),
            headings=tuple((int(at), int(level), str(words)) for at, level, words in said["headings"]),
            attributes={str(key): str(value) for key, value in said["attributes"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableDocument(f"its reader answered nonsense: {error}") from error


def _close(pipe: IO[bytes] | None) -> None:
    try:
        if pipe is not None:
            pipe.close()
    except OSError:  # what was left in the buffer of a dead child
        return
