"""The process in which files are parsed; its arguments: memory in bytes, processor seconds a file, bytes of an answer.

Reads requests (a line of JSON, then the bytes) from stdin, answers frames (length, JSON) on stdout.
"""

import json
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import IO, Any

from afina import plugins
from afina.domain.document import Parsed
from afina.errors import UnreadableDocument
from afina.knowledge.readers._page import REACHED

with suppress(ImportError):  # not on every platform; there the parent's deadline is all there is
    import resource

LIMITED = "resource" in sys.modules
OPEN_FILES = 64


def main() -> None:
    memory, cpu, output = (int(argument) for argument in sys.argv[1:4])
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    limit(memory)
    REACHED.set(lambda page: tell(answers, {"page": page}))
    while line := requests.readline():
        request = json.loads(line)
        limit_seconds(cpu)
        tell(answers, answered(request, requests.read(request["size"]), output))


def answered(request: dict[str, Any], data: bytes, output_bytes: int) -> dict[str, Any]:
    """What a reader makes of the bytes, or the reason why it could not."""
    try:
        parsed: Parsed = plugins.load("knowledge.readers", request["reader"]).read(data, request["name"])
    except UnreadableDocument as error:
        reason = str(error).removeprefix(f"page {error.page}: ")
        return {"reason": reason, "page": error.page}
    except MemoryError:
        return {"reason": "it needs more memory than a file may"}
    except RecursionError:
        return {"reason": "it is nested too deep"}
    if len(parsed.text.encode()) > output_bytes // 2:
        return {"reason": f"it unpacks to more text than {output_bytes // 2:,} bytes"}
    return asdict(parsed)


def tell(answers: IO[bytes], said: dict[str, Any]) -> None:
    body = json.dumps(said, default=dict).encode()
    answers.write(b"%d\n" % len(body) + body)
    answers.flush()


def limit(memory_bytes: int) -> None:
    """No more memory, no files written, few files open, no core left behind."""
    if not LIMITED:
        return
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in limits.items():
        resource.setrlimit(what, (most, most))


def limit_seconds(more: int) -> None:
    """Processor time from now on."""
    if LIMITED:
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + more, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
