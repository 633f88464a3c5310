"""A process that speaks JSON lines: started, listened to by a thread, and noticed when it dies."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from afina.errors import EngineError

Line = dict[str, Any]


class Child:
    """`python -m module`, told `hello` first; its first line must say ready.

    heard: called in a thread of this object with every later line. gone: called once, when the process has ended.

    Raises:
        EngineError: the process ended before it was ready, or says that it failed.
    """

    def __init__(
        self, module: str, hello: Mapping[str, Any], *, heard: Callable[[Line], None], gone: Callable[[], None]
    ) -> None:
        self._heard, self._gone = heard, gone
        self._writing = threading.Lock()
        self._ready: Future[Line] = Future()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        threading.Thread(target=self._listen, name=f"afina-{module.rpartition('.')[2]}", daemon=True).start()
        self.send(hello)
        first = self._ready.result()
        if "failed" in first:
            raise EngineError(first["failed"])

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, line: Mapping[str, Any]) -> None:
        """Write one line; safe from several threads. Raises EngineError if the process is gone."""
        text = json.dumps(line) + "\n"
        try:
            with self._writing:
                assert self._process.stdin is not None
                self._process.stdin.write(text)
                self._process.stdin.flush()
        except (OSError, ValueError) as broken:
            raise EngineError("the engine's process has ended", retriable=True) from broken

    def close(self, *, patience_s: float = 3) -> None:
        """Ask it to end by closing its input, and end it if it does not."""
        with suppress(OSError, ValueError), self._writing:
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            if not text.endswith("\n"):
                break  # it died in the middle of a line
            line = json.loads(text)
            if self._ready.done():
                self._heard(line)
            else:
                self._ready.set_result(line)
        code = self._process.wait()
        if not self._ready.done():
            self._ready.set_result({"failed": f"the engine's process ended with {code} before it was ready"})
        self._gone()
