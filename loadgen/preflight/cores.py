"""Which cores engine, simulator and lab run on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from typing import NamedTuple


class Cores(NamedTuple):
    """The cores of each process; empty tuples: any core.

    ``server``: those that a target on this machine may use; empty: there is none, or that is not known.
    """

    engine: tuple[int, ...]
    simulator: tuple[int, ...]
    lab: tuple[int, ...]
    server: tuple[int, ...] = ()


def available() -> list[int]:
    """Return the cores that we may run on; none where processes cannot be pinned."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def cores(servers: Collection[int] = ()) -> Cores:
    """Return one core for the engine and another for the simulator; the lab avoids the engine's.

    The engine avoids ``servers``, the cores of a server on this machine, where it does not use all of them. Where there
    is one core only, they share it.
    """
    known = available()
    if not known:
        return Cores((), (), ())
    engine = ([core for core in known if core not in servers] or known)[-1]
    rest = [core for core in known if core != engine] or known
    return Cores((engine,), (rest[0],), tuple(rest[1:] or rest), tuple(sorted(servers)))


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
