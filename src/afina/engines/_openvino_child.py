"""The process in which OpenVINO GenAI runs; started by engines/openvino.py, and ends with it.

It reads JSON lines from standard input (the first one says which model) and writes JSON lines to what was its standard
output. Native code prints there too, so that descriptor is moved away first and prints go to standard error.

in:  {"serving": ..., "config": ..., "properties": ..., "blocks": ..., "niceness": ..., "adapted": bool}
     {"add": id, "ids": [...], "settings": {...}, "adapter": [digest, folder] or null}
     {"cancel": id}
out: {"ready": true} or {"failed": message}
     {"news": [[id, [[choice, ids, logprobs, reason], ...], ended, cpu_s], ...], "cpu_s": of the process}
     {"lost": [[id, code, message, retriable], ...], "cpu_s": ...}
"""

import json
import os
import queue
import sys
import threading
import time
from typing import Any, TextIO

from afina.engines._openvino_lane import Lane, Request
from afina.errors import AfinaError, EngineError


class Desk:
    """Takes lines in, steps the lane, and writes what it says. One thread; `listen` is the other."""

    def __init__(self, hello: dict[str, Any], out: TextIO) -> None:
        self._hello, self._out = hello, out
        self._inbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._lane = self._opened()
        self._write({"ready": True})

    def _opened(self) -> Lane:
        hello = self._hello
        return Lane(hello["serving"], hello["properties"], hello["config"], hello["blocks"], hello["adapted"])

    def listen(self) -> None:
        """Put lines into the inbox; when the parent is gone, this process goes too."""
        for line in sys.stdin:
            self._inbox.put(json.loads(line))
        os._exit(0)

    def work(self) -> None:
        while True:
            if not self._lane.busy:
                self._take(self._inbox.get())
            while not self._inbox.empty():
                self._take(self._inbox.get())
            self._turn()

    def _take(self, line: dict[str, Any]) -> None:
        if "cancel" in line:
            if self._lane.cancel(line["cancel"]):
                self._say({"news": [[line["cancel"], [], True, 0.0]]})
            return
        adapter = tuple(line["adapter"]) if line["adapter"] else None
        self._lane.waiting.append(Request(line["add"], line["ids"], line["settings"], adapter))

    def _turn(self) -> None:
        lane = self._lane
        try:
            self._lose(list(lane.admit()))
            if lane.running:
                news = [[r.id, outputs, ended, r.cpu_s] for r, outputs, ended in lane.step()]
                self._say({"news": news})
        except EngineError as broken:
            self._lose([(r, broken) for r in (*lane.running.values(), *lane.waiting)])
            del self._lane, lane
            self._lane = self._opened()

    def _lose(self, lost: list[tuple[Request, AfinaError]]) -> None:
        if lost:
            rows = [[r.id, e.code, str(e), getattr(e, "retriable", False)] for r, e in lost]
            self._say({"lost": rows})

    def _say(self, line: dict[str, Any]) -> None:
        self._write(line | {"cpu_s": time.process_time()})

    def _write(self, line: dict[str, Any]) -> None:
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()


def main() -> None:
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    hello = json.loads(sys.stdin.readline())
    if hello["niceness"]:
        os.nice(hello["niceness"])
    try:
        desk = Desk(hello, out)
    except (RuntimeError, AfinaError) as failed:
        out.write(json.dumps({"failed": str(failed)}) + "\n")
        out.flush()
        sys.exit(1)
    threading.Thread(target=desk.listen, daemon=True).start()
    desk.work()


if __name__ == "__main__":
    main()
