"""Sample the machine before anything is measured, and warn of what would disturb the figures.

For two seconds nothing of ours runs but the sampling, so all CPU that is used is that of other programs.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

from loadgen import proc
from loadgen.preflight.cores import available, cores

SAMPLE_S: Final = float(os.environ.get("LOADGEN_MACHINE_SAMPLE_S", "2"))
"""How long the machine is sampled; 0 switches it off, as the tests do."""

INTERVAL_S: Final = 0.1
BUSY: Final = 0.10  # share of a core that other programs use
STOLEN: Final = 0.02  # share of the time that the hypervisor took
Translate = Callable[[str], str]

GOVERNORS: Final = Path("/sys/devices/system/cpu")


@dataclass(frozen=True, slots=True)
class Reading:
    """The machine at one moment. CPU is in nanoseconds since boot, by core; ``None``: not reported."""

    at: float
    busy: Mapping[int, int]
    steal: Mapping[int, int]
    runnable: int | None = None  # processes that run or wait for a core, this one included
    load: float | None = None  # load average of one minute
    governors: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MachineWarning:
    """Something that would disturb a measurement."""

    def sentence(self, translate: Translate = str) -> str:
        """Return it as a clause; ``translate`` returns a message in the reader's language."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.sentence()


@dataclass(frozen=True, slots=True)
class BusyCores(MachineWarning):
    """Other programs use these shares of cores; ``uses`` has what a run uses them for."""

    shares: Mapping[int, float]
    uses: Mapping[int, str]

    def sentence(self, translate: Translate = str) -> str:
        each = translate("{share} % of {core}")
        used = (
            each.format(
                share=f"{100 * share:.0f}", core=translate(self.uses.get(core, "core {n}")).format(n=core)
            )
            for core, share in self.shares.items()
        )
        return translate("other programs use {cores}").format(cores=translate(" and ").join(used))


@dataclass(frozen=True, slots=True)
class StolenTime(MachineWarning):
    """The hypervisor takes ``share`` of the time."""

    share: float

    def sentence(self, translate: Translate = str) -> str:
        return translate("the hypervisor takes {share} % of the CPU time").format(
            share=f"{100 * self.share:.0f}"
        )


@dataclass(frozen=True, slots=True)
class Overload(MachineWarning):
    """More processes want to run than there are cores: ``load`` over the last minute, ``runnable`` now."""

    cores: int
    load: float
    runnable: float | None

    def sentence(self, translate: Translate = str) -> str:
        text = translate("the load average is {load} on {cores} cores")
        if self.runnable is not None:
            text = translate("the load average is {load} on {cores} cores, {n} processes run now")
        return text.format(load=f"{self.load:.1f}", cores=self.cores, n=f"{self.runnable or 0:.3g}")


@dataclass(frozen=True, slots=True)
class FrequencyScaling(MachineWarning):
    """The clock frequency of the cores changes with their load."""

    governors: tuple[str, ...]

    def sentence(self, translate: Translate = str) -> str:
        text = translate("the CPU frequency is not fixed (governor {governors})")
        return text.format(governors=", ".join(self.governors))


@dataclass(frozen=True, slots=True)
class MachineState:
    """What the machine did while it was sampled. Shares are 0..1; ``busy`` is by core."""

    seconds: float
    busy: Mapping[int, float]
    steal: float
    load: float | None
    runnable: float | None
    warnings: tuple[MachineWarning, ...] = ()

    def __str__(self) -> str:
        if self.warnings:
            return "; ".join(map(str, self.warnings))
        load = "" if self.load is None else f", load average {self.load:.1f}"
        return (
            f"other programs use at most {100 * max(self.busy.values(), default=0.0):.0f} % of a core{load}"
        )


def read() -> Reading:
    """Return the machine as it is now."""
    each = {core: found for core in available() if (found := proc.busy_ns([core])) is not None}
    return Reading(
        at=time.monotonic(),
        busy={core: busy for core, (busy, _) in each.items()},
        steal={core: steal for core, (_, steal) in each.items()},
        runnable=proc.runnable(),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        governors=_governors(),
    )


def observe(
    seconds: float = SAMPLE_S,
    read: Callable[[], Reading] = read,
    sleep: Callable[[float], None] = time.sleep,
    *,
    simulated: bool = True,
) -> MachineState | None:
    """Sample the machine for ``seconds``; return what it did, and warnings; ``None`` where it is not sampled.

    ``simulated``: the run that follows starts a simulator here.
    """
    if seconds <= 0:
        return None
    readings = [read()]
    for _ in range(max(1, round(seconds / INTERVAL_S))):
        sleep(INTERVAL_S)
        readings.append(read())
    first, last = readings[0], readings[-1]
    passed = max(last.at - first.at, 1e-9)
    busy = {
        core: (last.busy[core] - ns) / 1e9 / passed for core, ns in first.busy.items() if core in last.busy
    }
    stolen = [
        (last.steal[core] - ns) / 1e9 / passed for core, ns in first.steal.items() if core in last.steal
    ]
    # the process that reads counts itself
    runnable = [reading.runnable - 1 for reading in readings if reading.runnable is not None]
    steal = fmean(stolen) if stolen else 0.0
    wanted = fmean(runnable) if runnable else None
    return MachineState(
        seconds=passed,
        busy=busy,
        steal=steal,
        load=last.load,
        runnable=wanted,
        warnings=tuple(_warnings(busy, steal, last.load, wanted, last.governors, _uses(simulated))),
    )


def _warnings(
    busy: Mapping[int, float],
    steal: float,
    load: float | None,
    runnable: float | None,
    governors: frozenset[str],
    uses: Mapping[int, str],
) -> Iterator[MachineWarning]:
    used = {core: share for core, share in busy.items() if share >= BUSY}
    if used:
        yield BusyCores(used, uses)
    if steal >= STOLEN:
        yield StolenTime(steal)
    if busy and load is not None and load > len(busy):
        yield Overload(len(busy), load, runnable)
    if scaled := governors - {"performance"}:
        yield FrequencyScaling(tuple(sorted(scaled)))


def _uses(simulated: bool) -> Mapping[int, str]:
    """Return what a run uses cores for; where they share one, the clients' comes first."""
    taken = cores()
    simulator = dict.fromkeys(taken.simulator if simulated else (), "the simulator's core")
    return simulator | dict.fromkeys(taken.engine, "the clients' core")


def _governors() -> frozenset[str]:
    """Return what decides the frequency of each core that can change it; empty where none can."""
    found = set()
    for path in GOVERNORS.glob("cpu[0-9]*/cpufreq/scaling_governor"):
        with contextlib.suppress(OSError):
            found.add(path.read_text().strip())
    return frozenset(found)
