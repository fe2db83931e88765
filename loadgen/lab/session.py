"""The context of a run, for all commands that measure cell by cell: a plain run, and a search for a limit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loadgen.engine.system import raise_open_files
from loadgen.lab import cell as lab_cell
from loadgen.lab import plan
from loadgen.lab.embedded import Embedded
from loadgen.lab.interrupts import interruptible
from loadgen.lab.lifecycle import RunWriter
from loadgen.model import Cell, Listener, Recording, Scenario, ServerLog
from loadgen.preflight import target
from loadgen.preflight.cores import Cores, pinned
from loadgen.secrets import mask_cut

# Runs one cell and returns a recording for each engine that drove it.
Record = Callable[[Cell, Listener, Callable[[], bool], Callable[[], ServerLog | None]], Sequence[Recording]]


def one_engine(
    cell: Cell, listener: Listener, interrupted: Callable[[], bool], server: Callable[[], ServerLog | None]
) -> Sequence[Recording]:
    """Run a cell with one engine, on this machine."""
    return [lab_cell.record(cell, listener, interrupted, server)]


@dataclass(frozen=True)
class Session:
    """A run under way: a target that answers, the cells planned, and where they are saved.

    ``embedded`` is ``None`` where another server is measured.
    """

    url: str
    cells: Sequence[Cell]
    interrupted: Callable[[], bool]
    embedded: Embedded | None
    writer: RunWriter
    engines: Record
    listener: Listener

    def ready(self, cell: Cell) -> Cell:
        """Let the server's log begin anew; return ``cell`` with the URL that it is to use. Raises SimulatorError."""
        if self.embedded is None:
            return cell
        self.embedded.reset(self.listener.note)
        return replace(cell, url=self.embedded.url)

    def record(self, cell: Cell, stop: Callable[[], bool] | None = None) -> Sequence[Recording]:
        """Run ``cell``, to its end or until ``stop`` (by default: the user's interrupt), and return what it left."""
        log = self.embedded.log if self.embedded else lambda: None
        return self.engines(cell, self.listener, stop or self.interrupted, log)


@contextlib.contextmanager
def session(
    scenario: Scenario,
    listener: Listener,
    cores: Cores,
    *,
    folder: Path | None = None,
    folder_name: str = "",
    planned: bool = True,
    workers: contextlib.AbstractContextManager[Record] | None = None,
    record: Record = one_engine,
) -> Iterator[Session]:
    """Start the simulator or check the target, make the folder, and yield the run; it ends with the block.

    ``planned``: the cells of the scenario are what will be measured; otherwise cells are added as they are saved.
    ``workers``, entered when the target has answered, run the cells in place of ``record``.

    Raises :class:`~loadgen.store.StoreError`, :class:`~loadgen.preflight.target.TargetError` and
    :class:`~loadgen.simulator.process.SimulatorError` before anything is measured; what goes wrong later is the
    result's ``failure``. The first Ctrl-C makes ``interrupted()`` true; a second raises KeyboardInterrupt.
    """
    raise_open_files()
    with contextlib.ExitStack() as stack:
        embedded = None
        if scenario.target.simulator is not None:
            embedded = Embedded(scenario.target.simulator, cores.simulator)
            stack.callback(embedded.close)
        url = embedded.url if embedded else scenario.target.url
        assert url is not None
        cells = plan.cells(scenario, url, cores.engine)
        if embedded is None:
            _check(cells[0], scenario.secrets)
        if workers is not None:
            record = stack.enter_context(workers)
        interrupted = stack.enter_context(interruptible(listener.note))
        writer = stack.enter_context(
            RunWriter(
                scenario,
                url,
                cells if planned else (),
                folder=folder,
                folder_name=folder_name,
                interrupted=interrupted,
            )
        )
        stack.enter_context(pinned(cores.lab))
        yield Session(url, cells, interrupted, embedded, writer, record, listener)


def _check(cell: Cell, secrets: frozenset[str]) -> None:
    """Raise TargetError, without the secrets, where the target is not there."""
    try:
        target.check(cell)
    except target.TargetError as error:
        raise target.TargetError(mask_cut(str(error), secrets)) from None
