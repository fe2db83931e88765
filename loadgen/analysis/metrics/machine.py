"""What the rest of the machine and the simulator did while a client was measured."""

from __future__ import annotations

from statistics import fmean

from loadgen.analysis import machine
from loadgen.analysis.metrics import Repeats
from loadgen.analysis.metrics.usage import cost


def _found(repeats: Repeats, name: str) -> float | None:
    return machine.values(repeats.parts).get(name)


@cost(label="CPU used by other programs", unit="%")
def others_percent(repeats: Repeats) -> float | None:
    """CPU time that other programs used on the engine's cores within the measured windows, in percent of them."""
    return _found(repeats, "others_percent")


@cost(label="CPU taken by the hypervisor", unit="%")
def steal_percent(repeats: Repeats) -> float | None:
    """CPU time that the hypervisor took on the engine's cores within the measured windows, in percent of them."""
    return _found(repeats, "steal_percent")


@cost(label="CPU wanted", unit="%")
def core_wanted_percent(repeats: Repeats) -> float | None:
    """How long the engine ran or waited to run, in percent of the measured window; mean over the repeats, the largest
    of the workers. Empty for a client on threads, which wait for each other too.
    """
    found = [machine.values(repeat.parts).get("core_wanted_percent") for repeat in repeats.included]
    there = [percent for percent in found if percent is not None]
    return fmean(there) if there else None


@cost(label="wait for other programs", unit="ms")
def others_wait_ms(repeats: Repeats) -> float | None:
    """How long other programs kept the engine from running each time it woke up, on average: run-queue wait divided by
    context switches. Of the wait of a client on threads, the share of others in the CPU used.
    """
    return _found(repeats, "others_wait_ms")


@cost(label="wait for the hypervisor", unit="ms")
def steal_wait_ms(repeats: Repeats) -> float | None:
    """How long the hypervisor kept the engine from running each time it woke up, on average."""
    return _found(repeats, "steal_wait_ms")


@cost(label="stopped", unit="%")
def stopped_percent(repeats: Repeats) -> float | None:
    """How long the engine was stopped by a signal or a debugger, in percent of the time with streams open; the worst
    of repeats and workers.
    """
    return _found(repeats, "stopped_percent")


@cost(label="throttled", unit="%")
def throttled_percent(repeats: Repeats) -> float | None:
    """How long a CPU quota of its control group kept the engine from running, in percent of the time with streams open;
    the worst of repeats and workers.
    """
    return _found(repeats, "throttled_percent")


@cost(label="simulator late p50", unit="ms")
def simulator_late_p50_ms(repeats: Repeats) -> float | None:
    """The simulator's actual minus scheduled send time, p50; mean over the repeats. Empty for another server."""
    return _found(repeats, "simulator_late_p50_ms")


@cost(label="simulator late p99", unit="ms")
def simulator_late_p99_ms(repeats: Repeats) -> float | None:
    """The simulator's actual minus scheduled send time, p99; mean over the repeats. Empty for another server."""
    return _found(repeats, "simulator_late_p99_ms")
