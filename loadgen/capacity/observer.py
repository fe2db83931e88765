"""Observe a search and the cell that runs; nothing here may block, because streams are open meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from loadgen import proc
from loadgen.capacity.readings import Reading, ServerCore
from loadgen.model import Cell, ClientId, Listener, Load, Progress


class SearchListener:
    """Is notified of the search's progress: a cell starts, a cell has its reading, a message for the user."""

    def step_begins(self, client: ClientId, streams: int) -> None: ...
    def step_ends(self, reading: Reading) -> None: ...
    def note(self, text: str) -> None: ...


class CellObserver(Listener):
    """Observes how long a cell runs, and what the simulator's core does in its window."""

    def __init__(self, note: Callable[[str], None], cores: Sequence[int]) -> None:
        self._note = note
        self._cores = cores
        self._load = Load()
        self._pid: int | None = None
        self._seen: list[tuple[int, int, int]] = []
        self.elapsed = 0.0

    def observe(self, cell: Cell, pid: int | None) -> None:
        """Start with a new cell; ``pid`` is the simulator's process."""
        self._load, self._pid = cell.workload.load, pid
        self.elapsed, self._seen = 0.0, []

    def progress(self, progress: Progress) -> None:
        self.elapsed = progress.elapsed
        inside = self._load.warmup <= progress.elapsed <= (self._load.duration or 0.0)
        if not (self._cores and self._pid and inside):
            return
        busy, simulator = proc.busy_ns(self._cores), proc.sample(self._pid)
        if busy is not None and simulator.cpu_ns is not None:
            ours = simulator.cpu_ns + time.process_time_ns()
            self._seen.append((simulator.at, sum(busy), ours))

    def note(self, text: str) -> None:
        self._note(text)

    @property
    def core(self) -> ServerCore | None:
        """Return the use of the simulator's core; ``None`` where it was not observed twice."""
        if len(self._seen) < 2:
            return None
        (begin, before, ours), (end, after, ours_after) = self._seen[0], self._seen[-1]
        window, busy = end - begin, after - before
        return ServerCore(busy / window, max(0.0, (busy - (ours_after - ours)) / window))
