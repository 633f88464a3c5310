"""Energy from the machine's own counters: processor packages and NVIDIA GPUs.

Counters see the whole machine and not one process: what it draws when idle and whatever else runs are in every
figure. Packages: Linux powercap, sysfs `intel-rapl:N` (AMD processors have the same names); energy_uj counts
microjoules and begins again at 0 after max_energy_range_uj
(docs.kernel.org/power/powercap/powercap.html). Memory chips (`dram`) and the rest of the board (`psys`, which holds the
packages again) are not counted. Since 2020 many systems let only root read energy_uj; unreadable is as if absent.
GPUs: NVML, nvmlDeviceGetTotalEnergyConsumption, millijoules since the driver was loaded, Volta or newer
(docs.nvidia.com/deploy/nvml-api); a GPU updates it about every 20 to 100 ms, so a shorter stretch is coarse.
"""

import ctypes
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

POWERCAP = Path("/sys/class/powercap")
NVML = "libnvidia-ml.so.1"
NAME_BYTES = 96
"""NVML_DEVICE_NAME_V2_BUFFER_SIZE: long enough for every name of a GPU."""
LOOK_EVERY_S = 60.0
"""A counter may go round once between two looks and no more: the smallest holds about 65 kJ, 1 kW for a minute."""


class Counter(Protocol):
    """Joules since it was opened, or None where it cannot be read any more."""

    @property
    def name(self) -> str: ...

    def joules(self) -> float | None: ...


class Package:
    """One processor package of powercap; a folder with energy_uj and max_energy_range_uj."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError or ValueError where the files cannot be read."""
        self.name = (folder / "name").read_text().strip()
        self._counter = folder / "energy_uj"
        self._range_uj = int((folder / "max_energy_range_uj").read_text())
        self._last_uj = int(self._counter.read_text())
        self._total_uj = 0

    def joules(self) -> float | None:
        try:
            now_uj = int(self._counter.read_text())
        except (OSError, ValueError):
            return None
        gone = now_uj - self._last_uj
        self._total_uj += gone if gone >= 0 else gone + self._range_uj
        self._last_uj = now_uj
        return self._total_uj / 1e6


class Gpu:
    """One GPU as NVML sees it."""

    def __init__(self, nvml: Any, index: int) -> None:
        """Raises OSError where it has no such counter."""
        self._nvml, self._device = nvml, ctypes.c_void_p()
        if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(self._device)):
            raise OSError(f"GPU {index} cannot be opened")
        name = ctypes.create_string_buffer(NAME_BYTES)
        named = nvml.nvmlDeviceGetName(self._device, name, ctypes.c_uint(NAME_BYTES)) == 0
        self.name = name.value.decode(errors="replace") if named else f"GPU {index}"
        start = self._read_mj()
        if start is None:
            raise OSError(f"{self.name} has no energy counter")
        self._start_mj = start

    def joules(self) -> float | None:
        now = self._read_mj()
        return None if now is None else (now - self._start_mj) / 1e3

    def _read_mj(self) -> int | None:
        energy = ctypes.c_ulonglong()
        failed = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._device, ctypes.byref(energy))
        return None if failed else energy.value


class Meter:
    """Counters read together. May be read from any thread; to be closed, or used as a context manager."""

    def __init__(
        self, counters: Sequence[Counter], *, close: Callable[[], object] = lambda: None, every_s: float = LOOK_EVERY_S
    ) -> None:
        """close: called once at the end. every_s: how often counters are looked at even if nobody asks, so that none
        goes round unseen."""
        self._counters, self._close = tuple(counters), close
        self._lock, self._closed = threading.Lock(), threading.Event()
        self._watch = threading.Thread(target=self._look, args=(every_s,), name="energy meter", daemon=True)
        self._watch.start()

    @property
    def what(self) -> str:
        """Names of what is counted: 'package-0, package-1, NVIDIA H100'."""
        return ", ".join(counter.name for counter in self._counters)

    def joules(self) -> float | None:
        """All counters together since the meter was opened; None if one cannot be read: some would pass for all."""
        with self._lock:
            read = [counter.joules() for counter in self._counters]
        known = [joules for joules in read if joules is not None]
        return sum(known) if len(known) == len(read) else None

    def close(self) -> None:
        if not self._closed.is_set():
            self._closed.set()
            self._watch.join()
            self._close()

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _look(self, every_s: float) -> None:
        while not self._closed.wait(every_s):
            self.joules()


def loaded_nvml() -> Any | None:
    """NVIDIA's management library, ready for calls; None where there is none or it will not start."""
    try:
        nvml = ctypes.CDLL(NVML)
        return None if nvml.nvmlInit_v2() else nvml
    except (OSError, AttributeError):
        return None


def meter(root: Path = POWERCAP, *, nvml: Callable[[], Any | None] = loaded_nvml) -> Meter | None:
    """A meter over every counter that can be read now; None if there is none. To be closed."""
    library = nvml()
    counters: list[Counter] = [*_packages(root), *([] if library is None else _gpus(library))]
    close = (lambda: None) if library is None else library.nvmlShutdown
    if not counters:
        close()
        return None
    return Meter(counters, close=close)


def _packages(root: Path) -> list[Package]:
    """`root` lists all zones side by side; only the packages count, as the others are parts or sums of them."""
    found = []
    for folder in sorted(root.glob("intel-rapl:*")):
        try:
            package = Package(folder)
        except (OSError, ValueError):
            continue
        if package.name.startswith("package-"):
            found.append(package)
    return found


def _gpus(nvml: Any) -> list[Gpu]:
    count = ctypes.c_uint()
    if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)):
        return []
    found = []
    for index in range(count.value):
        try:
            found.append(Gpu(nvml, index))
        except (OSError, AttributeError):  # no counter, or a library older than the call
            continue
    return found
