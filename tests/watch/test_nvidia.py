"""The counters of GPUs, from a library of NVIDIA's interface that has two of them."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from loadgen.watch.nvidia import Nvidia
from loadgen.watch.sources import ReadError


class NVMLError(Exception):
    pass


def pynvml(gpus: int = 2, *, broken: bool = False) -> Any:
    """Return a library as nvidia-ml-py is: the second GPU has no power counter and is too hot."""

    def power(device: int) -> int:
        if device == 1:
            raise NVMLError("not supported")
        return 250_500

    def needs_driver() -> None:
        if broken:
            raise NVMLError("driver not loaded")

    module = ModuleType("pynvml")
    found: dict[str, Any] = {
        "NVMLError": NVMLError,
        "NVML_CLOCK_SM": 1,
        "NVML_CLOCK_MEM": 2,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": needs_driver,
        "nvmlDeviceGetCount": lambda: gpus,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUtilizationRates": lambda device: SimpleNamespace(gpu=50 + device),
        "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(used=1 << 30, total=4 << 30),
        "nvmlDeviceGetPowerUsage": power,
        "nvmlDeviceGetClockInfo": lambda _, kind: {1: 1500, 2: 9000}[kind],
        "nvmlDeviceGetTemperature": lambda device, _: 60 + 30 * device,
        "nvmlDeviceGetCurrentClocksThrottleReasons": lambda device: (0x1, 0x40)[device],
    }
    vars(module).update(found)
    return module


def test_every_gpu_has_its_counters_and_what_it_lacks_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", pynvml())
    nvidia = Nvidia.of_this_host()
    assert nvidia is not None
    found = {(value.name, value.labels["gpu"]): value.value for value in nvidia.read()}
    assert found["nvidia_utilization_percent", "0"] == 50
    assert found["nvidia_utilization_percent", "1"] == 51
    assert found["nvidia_memory_used_bytes", "0"] == 1 << 30
    assert found["nvidia_power_watts", "0"] == 250.5
    assert ("nvidia_power_watts", "1") not in found
    assert found["nvidia_sm_clock_hertz", "0"] == 1.5e9
    assert (found["nvidia_throttled_temperature", "0"], found["nvidia_throttled_temperature", "1"]) == (0, 1)
    assert found["nvidia_throttled_power_cap", "1"] == 0


@pytest.mark.parametrize("library", [pynvml(0), pynvml(broken=True), None, ModuleType("pynvml")])
def test_without_a_gpu_there_is_nothing_to_watch(monkeypatch: pytest.MonkeyPatch, library: Any) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", library)
    assert Nvidia.of_this_host() is None


def test_gpus_that_are_gone_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", module := pynvml(1))
    nvidia = Nvidia.of_this_host()
    assert nvidia is not None

    def gone(*_: object) -> None:
        raise NVMLError("GPU is lost")

    for name in [name for name in vars(module) if name.startswith("nvmlDeviceGet")]:
        monkeypatch.setattr(module, name, gone)
    with pytest.raises(ReadError):
        nvidia.read()
