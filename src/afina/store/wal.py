"""Reading SQLite's write-ahead log byte by byte, since SQLite itself silently drops what follows a damaged frame.

Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

import struct
from dataclasses import dataclass
from pathlib import Path

HEADER_BYTES, FRAME_BYTES = 32, 24
LITTLE_ENDIAN = 0x377F0682


@dataclass(frozen=True, slots=True)
class Frame:
    """commit: it ends a transaction. salt: as in the header while the frame is current."""

    salt: bytes
    commit: bool
    checksum: tuple[int, int]
    summed: bytes


def wal_problems(log: Path) -> list[str]:
    """What is damaged in a log, as 'file: what'; call it while nobody writes. A missing or empty log is sound.

    A frame whose checksum fails is damage if it, or any current frame after it, ends a transaction: what was
    acknowledged is lost. The same picture comes from a commit that a power loss cut short.
    """
    data = log.read_bytes() if log.exists() else b""
    if not data:
        return []
    header = data[:HEADER_BYTES]
    if len(header) < HEADER_BYTES:
        return [f"{log.name}: cut off in its header"]
    order = "<" if struct.unpack(">I", header[:4])[0] == LITTLE_ENDIAN else ">"
    running = _checksum(header[:24], (0, 0), order)
    if running != struct.unpack(">II", header[24:]):
        return [f"{log.name}: the checksum of its header does not fit"]
    broken = _first_broken(_frames(data), header[16:24], running, order)
    return (
        [] if broken is None else [f"{log.name}: frame {broken} is damaged; what was committed from there on is lost"]
    )


def _frames(data: bytes) -> list[Frame]:
    step = FRAME_BYTES + struct.unpack(">I", data[8:12])[0]
    frames = []
    for at in range(HEADER_BYTES, len(data) - step + 1, step):
        head = data[at : at + FRAME_BYTES]
        size, first, second = struct.unpack(">4xI8xII", head)
        frames.append(Frame(head[8:16], size > 0, (first, second), head[:8] + data[at + FRAME_BYTES : at + step]))
    return frames


def _first_broken(frames: list[Frame], salt: bytes, running: tuple[int, int], order: str) -> int | None:
    """Number, from 1, of the first frame that is damaged; None if all are sound."""
    for number, frame in enumerate(frames, start=1):
        running = _checksum(frame.summed, running, order)
        if frame.salt == salt and frame.checksum == running:
            continue
        rest = frames[number - 1 :]
        current = [f for f in rest if f.salt == salt or _off_by_one(f.salt, salt)]
        return number if number == 1 or any(f.commit for f in current) else None
    return None


def _off_by_one(salt: bytes, other: bytes) -> bool:
    """Differs in one byte: an older log's salt differs in its random half as well."""
    return sum(a != b for a, b in zip(salt, other, strict=True)) == 1


def _checksum(data: bytes, start: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
