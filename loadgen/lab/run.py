"""Run a scenario: every cell in the planned order, each saved as it ends."""

from __future__ import annotations

import contextlib
from pathlib import Path

from loadgen.lab.lifecycle import RunResult
from loadgen.lab.session import Record, session
from loadgen.model import Cell, Listener, Scenario
from loadgen.preflight.cores import cores
from loadgen.preflight.requirements import require

CELL_COST = 0.7  # seconds that a cell takes beside its streams, for the estimate


def run(
    scenario: Scenario,
    folder: Path | None,
    listener: Listener,
    workers: contextlib.AbstractContextManager[Record] | None = None,
) -> RunResult:
    """Run ``scenario`` into ``folder`` (by default ``reports/<UTC time>-<name>``), by ``workers`` if provided.

    Each worker checks its share against the limits of its own machine.

    Raises :class:`~loadgen.preflight.requirements.Refused`, :class:`~loadgen.store.StoreError`,
    :class:`~loadgen.preflight.target.TargetError` or :class:`~loadgen.simulator.process.SimulatorError` before
    anything is measured. The first Ctrl-C ends the cell that runs, keeps what it gave and returns; a second
    raises KeyboardInterrupt.
    """
    require(scenario.clients, max(level.streams or 0 for level in scenario.levels) if workers is None else 1)
    with session(scenario, listener, cores(), folder=folder, workers=workers) as running:
        listener.begin(running.cells, sum(_seconds(scenario, cell) for cell in running.cells))
        try:
            for planned in running.cells:
                if running.interrupted():
                    break
                listener.cell_begins(planned)
                cell = running.ready(planned)
                listener.cell_ends(running.writer.save(cell, running.record(cell)))
        finally:
            listener.end()
    return running.writer.result


def _seconds(scenario: Scenario, cell: Cell) -> float:
    """Return about how long the cell takes."""
    simulator, load = scenario.target.simulator, cell.workload.load
    one = simulator.stream_s if simulator else 0.0
    if load.seconds is not None:
        return load.seconds + one + CELL_COST
    return load.ramp + (load.requests or 1) * one + CELL_COST
