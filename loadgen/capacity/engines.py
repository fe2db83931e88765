"""Run a cell with several engines, each on a core of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from loadgen.lab import cell as lab_cell
from loadgen.model import Cell, Listener, Recording, ServerLog
from loadgen.preflight import cores
from loadgen.preflight.cores import Cores
from loadgen.preflight.requirements import Refused


def one_engine_per_core(
    cell: Cell,
    listener: Listener,
    interrupted: Callable[[], bool],
    server: Callable[[], ServerLog | None],
) -> Sequence[Recording]:
    """Run a cell with one engine on each of its cores; the slots are dealt in turn."""
    number = len(cell.cores)
    shares = [
        (core, tuple(range(place, cell.max_streams, number)))
        for place, core in enumerate(cell.cores[: cell.max_streams])
    ]
    with ThreadPoolExecutor(len(shares)) as pool:
        running = [
            pool.submit(
                lab_cell.record,
                replace(cell, cores=(core,), slots=slots),
                Listener() if place else listener,
                interrupted,
                lambda: None,
            )
            for place, (core, slots) in enumerate(shares)
        ]
        parts = [future.result() for future in running]
    log = server()
    return [
        replace(part, worker=f"core-{core}", share=len(slots), server=None if place else log)
        for place, (part, (core, slots)) in enumerate(zip(parts, shares, strict=True))
    ]


def split_cores(engines: int) -> Cores:
    """Return the cores of a run with so many engines. Raises Refused where the machine has too few."""
    if engines == 1:
        return cores.cores()
    known = cores.available()
    if len(known) < engines + 1:
        raise Refused(
            f"--cores {engines} needs {engines + 1} cores, one of them for the simulator; "
            f"this machine has {len(known)}"
        )
    return Cores(tuple(known[-engines:]), (known[0],), tuple(known[1:-engines] or known[:1]))
