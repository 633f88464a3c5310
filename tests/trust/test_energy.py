"""Counters read from a made-up powercap folder and a made-up NVML: no machine that builds this has real ones."""

import ctypes
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from afina.trust import energy
from afina.trust.energy import Meter, meter


def none() -> None:
    """No NVIDIA library on this machine."""


def zone(root: Path, number: str, name: str, *, uj: int, range_uj: int = 65_712_999_613) -> Path:
    folder = root / f"intel-rapl:{number}"
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{uj}\n")
    (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
    return folder / "energy_uj"


class FakeNvml:
    """Writes through the pointers that it is given, as the library does. No counter: NVML_ERROR_NOT_SUPPORTED (3)."""

    def __init__(self, millijoules: dict[str, int | None]) -> None:
        self.names, self.millijoules = list(millijoules), millijoules
        self.closed: list[int] = []

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = len(self.names)
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, device: Any) -> int:
        device._obj.value = index.value + 1
        return 0

    def nvmlDeviceGetName(self, device: Any, name: Any, size: Any) -> int:
        assert size.value == ctypes.sizeof(name) == 96
        name.value = self.names[device.value - 1].encode()
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, device: Any, energy: Any) -> int:
        now = self.millijoules[self.names[device.value - 1]]
        energy._obj.value = now or 0
        return 3 if now is None else 0

    def nvmlShutdown(self) -> int:
        self.closed.append(1)
        return 0


def opened(root: Path, nvml: Callable[[], Any] = none) -> Meter:
    made = meter(root, nvml=nvml)
    assert made is not None
    return made


def test_joules_since_it_was_opened_over_packages_only(tmp_path: Path) -> None:
    first = zone(tmp_path, "0", "package-0", uj=5_000_000)
    second = zone(tmp_path, "1", "package-1", uj=7_000_000)
    cores = zone(tmp_path, "0:0", "core", uj=1)
    board = zone(tmp_path, "2", "psys", uj=1)
    with opened(tmp_path) as counting:
        assert counting.what == "package-0, package-1"
        assert counting.joules() == 0
        first.write_text("6500000\n")
        second.write_text("7250000\n")
        for other in (cores, board):
            other.write_text("900000000\n")
        assert counting.joules() == pytest.approx(1.75)
        assert counting.joules() == pytest.approx(1.75)


def test_a_counter_that_goes_round_goes_on(tmp_path: Path) -> None:
    """Range 10 J: from 9 J to the end is 1 J, then 2 J; round again, from 2 J to 1 J, are 9 J more."""
    counter = zone(tmp_path, "0", "package-0", uj=9_000_000, range_uj=10_000_000)
    with opened(tmp_path) as counting:
        counter.write_text("2000000\n")
        assert counting.joules() == pytest.approx(3)
        counter.write_text("1000000\n")
        assert counting.joules() == pytest.approx(12)


def test_a_round_that_nobody_asked_about_is_seen(tmp_path: Path) -> None:
    """Twice round between two questions: only looking in between can tell."""
    counter = zone(tmp_path, "0", "package-0", uj=9_000_000, range_uj=10_000_000)
    package = energy.Package(tmp_path / "intel-rapl:0")
    looked = threading.Event()

    class Watched:
        name = package.name

        def joules(self) -> float | None:
            seen = package.joules()
            if seen:
                looked.set()
            return seen

    with Meter([Watched()], every_s=0.01) as counting:
        counter.write_text("8000000\n")
        assert looked.wait(5)
        counter.write_text("9000000\n")
        assert counting.joules() == pytest.approx(10)


def test_what_cannot_be_read_at_the_start_is_as_if_absent(tmp_path: Path) -> None:
    zone(tmp_path, "0", "package-0", uj=1)
    for number, broken in enumerate(("energy_uj", "max_energy_range_uj", "name"), start=1):
        (zone(tmp_path, str(number), f"package-{number}", uj=1).parent / broken).unlink()
    zone(tmp_path, "4", "package-4", uj=1).write_text("no number")
    with opened(tmp_path) as counting:
        assert counting.what == "package-0"


def test_a_counter_lost_on_the_way_is_not_known_rather_than_less(tmp_path: Path) -> None:
    counters = [zone(tmp_path, str(n), f"package-{n}", uj=1_000_000) for n in (0, 1)]
    with opened(tmp_path) as counting:
        counters[1].unlink()
        counters[0].write_text("4000000\n")
        assert counting.joules() is None
        counters[1].write_text("2000000\n")
        assert counting.joules() == pytest.approx(4)


def test_without_counters_there_is_no_meter(tmp_path: Path) -> None:
    assert meter(tmp_path, nvml=none) is None
    assert meter(tmp_path / "none", nvml=none) is None
    library = FakeNvml({"NVIDIA old": None})
    assert meter(tmp_path, nvml=lambda: library) is None
    assert library.closed == [1]


def test_gpus_count_in_millijoules_since_the_start(tmp_path: Path) -> None:
    zone(tmp_path, "0", "package-0", uj=0)
    library = FakeNvml({"NVIDIA A": 2_000, "NVIDIA old": None, "NVIDIA B": 500})
    with opened(tmp_path, lambda: library) as counting:
        assert counting.what == "package-0, NVIDIA A, NVIDIA B"
        library.millijoules["NVIDIA A"] = 5_500
        library.millijoules["NVIDIA B"] = 600
        assert counting.joules() == pytest.approx(3.6)
        library.millijoules["NVIDIA B"] = None
        assert counting.joules() is None
        assert not library.closed
    counting.close()
    assert library.closed == [1]


def test_an_nvml_older_than_the_call_has_no_counters(tmp_path: Path) -> None:
    class Old(FakeNvml):
        def __getattribute__(self, name: str) -> Any:
            if name == "nvmlDeviceGetTotalEnergyConsumption":
                raise AttributeError(name)
            return super().__getattribute__(name)

    assert meter(tmp_path, nvml=lambda: Old({"NVIDIA A": 1})) is None


def test_a_library_that_is_not_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "NVML", "libno-such-library.so.1")
    assert energy.loaded_nvml() is None


def test_threads_that_ask_at_once_agree(tmp_path: Path) -> None:
    """A counter that goes round with every reading: a reading lost or taken twice would show in the sum."""

    class Going:
        name = "going"
        total = 0

        def joules(self) -> float:
            before = self.total
            threading.Event().wait(0.0001)
            self.total = before + 1
            return float(self.total)

    counter = Going()
    with Meter([counter]) as counting:
        threads = [threading.Thread(target=lambda: [counting.joules() for _ in range(20)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert counter.total == 80
