"""Which processes take the cores of an engine: the kernel counts their CPU, and on which cores they may run."""

from __future__ import annotations

import os
import time

from loadgen import processes
from loadgen.model import Neighbour
from loadgen.model.recording import Role
from loadgen.processes import Process

LOOK_INTERVAL_S = 1.0
COST_SHARE = 100  # looking takes one part in so many of the time, at most
NAMED = 3
LEAST = 0.01  # share of the cores from which on a process is named


class Neighbours:
    """Looks at all processes at the edges of a window, and now and then within: some do not live that long.

    ``port``: the one of a target on this machine; ``None``: another's.
    """

    def __init__(self, pid: int, cores: tuple[int, ...], port: int | None) -> None:
        self._pid, self._cores, self._port = pid, frozenset(cores), port
        self._first: dict[tuple[int, int], int] | None = None  # CPU at the first look
        self._last: dict[tuple[int, int], Process] = {}
        self._alive: dict[int, Process] = {}  # at the last look
        self._next = 0.0
        self._roles: dict[
            tuple[int, int], Role
        ] = {}  # looking for one takes long where many sockets are open

    def look(self, *, edge: bool = False) -> None:
        """Look, at an edge in any case, else where that is due."""
        began = time.monotonic()
        if not self._cores or (not edge and (self._first is None or began < self._next)):
            return
        # A number is not given to another process so soon. At an edge each is read anew.
        alive = {each.pid: each for each in processes.running({} if edge else self._alive)}
        found = {(each.pid, each.born): each for each in alive.values()}
        self._alive = alive
        if self._first is None:
            self._first = {key: each.cpu_ns for key, each in found.items()}
        self._last |= found
        ended = time.monotonic()
        self._next = ended + max(LOOK_INTERVAL_S, COST_SHARE * (ended - began))

    def found(self, window_ns: int, others_ns: int | None) -> tuple[Neighbour, ...]:
        """Return those that took the most of the engine's cores in the window, the first of them first.

        What a process used is dealt evenly to the cores that it may run on; all together took ``others_ns``.
        """
        if self._first is None or not others_ns:
            return ()
        took: dict[Process, float] = {}
        for key, each in self._last.items():
            used = each.cpu_ns - self._first.get(key, 0)
            if used > 0 and each.pid != self._pid:
                allowed = processes.cores_of(each.pid)
                took[each] = used * (len(allowed & self._cores) / len(allowed) if allowed else 1.0)
        scale = min(1.0, others_ns / (sum(took.values()) or 1.0)) / (window_ns * len(self._cores))
        most = sorted(took, key=took.__getitem__, reverse=True)[:NAMED]
        return tuple(
            Neighbour(name=each.name, pid=each.pid, share=share, role=self._role(each))
            for each in most
            if (share := took[each] * scale) >= LEAST
        )

    def _role(self, of: Process) -> Role:
        if (key := (of.pid, of.born)) not in self._roles:
            own: Role = "loadgen" if of.pid == os.getpid() else ""
            serves = self._port is not None and processes.serves(of.pid, self._port)
            self._roles[key] = "target" if serves else own
        return self._roles[key]
