"""Which cores engine, simulator and lab run on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple


class Cores(NamedTuple):
    """The cores of each process; empty tuples: any core."""

    engine: tuple[int, ...]
    simulator: tuple[int, ...]
    lab: tuple[int, ...]


def available() -> list[int]:
    """Return the cores that we may run on; none where processes cannot be pinned."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def cores() -> Cores:
    """Return one core for the engine and another for the simulator; the lab avoids the engine's."""
    known = available()
    if len(known) < 2:
        return Cores((), (), ())
    return Cores((known[-1],), (known[0],), tuple(known[1:-1] or known[:1]))


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
