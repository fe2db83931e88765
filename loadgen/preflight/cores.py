"""Which cores engines, simulator and lab run on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from typing import NamedTuple

from loadgen.preflight.requirements import Refused


class Cores(NamedTuple):
    """The cores of each process, one for each engine; empty tuples: any core.

    ``server``: those that a target on this machine may use; empty: there is none, or that is not known.
    """

    engine: tuple[int, ...]
    simulator: tuple[int, ...]
    lab: tuple[int, ...]
    server: tuple[int, ...] = ()


def available() -> list[int]:
    """Return the cores that we may run on; none where processes cannot be pinned."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def number() -> int:
    """Return how many cores we may run on."""
    return len(available()) or os.cpu_count() or 1


def most_engines() -> int:
    """Return for how many engines there are cores, where one is left for the simulator and the lab."""
    return max(1, number() - 1)


def require(engines: int, *, simulated: bool) -> None:
    """Raise Refused where the machine has too few cores for so many engines, and the simulator. One always runs."""
    needed = engines + simulated
    if engines > 1 and needed > number():
        one = ", one of them for the simulator" if simulated else ""
        raise Refused(
            f"engines: {engines} needs {needed} cores{one}; this machine has {number()}: "
            "engines: auto takes as many as it has cores for"
        )


def cores(servers: Collection[int] = (), engines: int = 1) -> Cores:
    """Return a core for each of so many engines, another for the simulator; the lab avoids the engines'.

    The engines avoid ``servers``, the cores of a server on this machine, where enough others are left. What finds no
    core of its own shares.
    """
    known = available()
    if not known:
        return Cores((), (), ())
    preferred = sorted(known, key=lambda core: (core not in servers, core), reverse=True)
    engine = preferred[:engines]
    rest = [core for core in known if core not in engine] or known
    return Cores(tuple(engine), (rest[0],), tuple(rest[1:] or rest), tuple(sorted(servers)))


@contextlib.contextmanager
def pinned(cores: tuple[int, ...]) -> Iterator[None]:
    """Pin this process to ``cores`` while the block runs; do nothing where there are none."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
