"""The counters of this machine's NVIDIA GPUs, by ``nvidia-ml-py``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Self

from loadgen.watch.sources import ReadError, Value

# Why a GPU runs slower than it could: the bits of NVML that slow a busy GPU down.
REASONS: Final = {
    0x4: "power_cap", 0x8: "hardware", 0x20: "temperature", 0x40: "temperature", 0x80: "power_brake",
}  # fmt: skip
GAUGE: Final = "gauge"


class Nvidia:
    """All GPUs of this host."""

    name, url = "nvidia", ""

    def __init__(self, nvml: Any) -> None:
        self._nvml, self.answered = nvml, 0
        count = nvml.nvmlDeviceGetCount()
        self._devices = [(number, nvml.nvmlDeviceGetHandleByIndex(number)) for number in range(count)]

    @classmethod
    def of_this_host(cls) -> Self | None:
        """Return the GPUs; ``None`` where there are none, or no library to ask."""
        try:
            import pynvml

            pynvml.nvmlInit()
            found = cls(pynvml)
        except Exception:  # no driver, no library, or another one under that name
            return None
        return found if found._devices else None

    def read(self) -> Iterable[Value]:
        """Return the counters of every GPU; those that one does not have are left out. Raises ReadError."""
        found = [value for number, device in self._devices for value in self._of(number, device)]
        self.answered = time.perf_counter_ns()
        if not found:
            raise ReadError("no GPU answers")
        return found

    def _of(self, number: int, device: Any) -> Iterator[Value]:
        nvml = self._nvml
        labels = {"gpu": str(number)}
        clock, read = nvml.nvmlDeviceGetClockInfo, self._read
        of_memory, use = nvml.nvmlDeviceGetMemoryInfo, nvml.nvmlDeviceGetUtilizationRates
        counters: tuple[tuple[str, Callable[[], float]], ...] = (
            ("nvidia_utilization_percent", lambda: use(device).gpu),
            ("nvidia_memory_used_bytes", lambda: of_memory(device).used),
            ("nvidia_memory_total_bytes", lambda: of_memory(device).total),
            ("nvidia_power_watts", lambda: nvml.nvmlDeviceGetPowerUsage(device) / 1e3),
            ("nvidia_sm_clock_hertz", lambda: clock(device, nvml.NVML_CLOCK_SM) * 1e6),
            ("nvidia_memory_clock_hertz", lambda: clock(device, nvml.NVML_CLOCK_MEM) * 1e6),
            (
                "nvidia_temperature_celsius",
                lambda: nvml.nvmlDeviceGetTemperature(device, nvml.NVML_TEMPERATURE_GPU),
            ),
        )
        for name, counter in counters:
            if (value := read(counter)) is not None:
                yield Value(name, labels, value, GAUGE)
        bits = read(lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(device))
        if bits is not None:
            for reason in dict.fromkeys(REASONS.values()):
                is_so = any(int(bits) & bit for bit, each in REASONS.items() if each == reason)
                yield Value(f"nvidia_throttled_{reason}", labels, float(is_so), GAUGE)

    def _read(self, counter: Callable[[], float]) -> float | None:
        try:
            return float(counter())
        except self._nvml.NVMLError:  # not every GPU has every counter
            return None
