"""Which stream of an open load starts next: its arrivals come by the schedule, whatever became of those before.

The sibling of :class:`~loadgen.engine.dispatcher.Dispatcher`, for loads that are open. Times are ``perf_counter_ns``.
"""

import heapq
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from loadgen.loads import arrivals
from loadgen.model import FOREVER, Arrival, Cell

SOON_NS = 200_000_000  # drivers look for what is due more often than that, however full it is


class Schedule:
    """The arrivals that are still to come, and how many streams run now.

    An arrival that is due while as many run as may be is held until one ends. Those that are held when the load's time
    is over never start, and are counted.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._lock = threading.Lock()
        self._load: Iterator[Arrival] = iter(())
        self.failure = ""  # why the load ended before its time: a trace may
        self._next: deque[Arrival] = deque()  # ours that are drawn, at least one until the schedule is over,
        self._passed: list[Arrival] = []  # and those of others that are due before the last of them
        self._turns: list[tuple[int, int, Arrival]] = []  # of sessions that think, a heap: due, slot
        # Our shares, and after which mark their arrivals are ours.
        self._shares = dict.fromkeys(range(cell.shares) if cell.slots is None else cell.slots, -1)
        self._most = cell.places or FOREVER
        self._full_since = self._start = self._end = 0
        self._is_over = self._is_stopped = False
        self.lead = (
            0  # arrivals are taken so long before they are due, by drivers that need time until a start
        )
        self.running = 0

    def start(self, start: int) -> None:
        """Begin the load; its times count from ``start``."""
        seconds = self._cell.workload.load.seconds
        self._start, self._end = start, FOREVER if seconds is None else start + int(seconds * 1e9)
        self._load = arrivals(self._cell)
        self._draw()

    def _is_ours(self, arrival: Arrival) -> bool:
        assert arrival.slot is not None
        return arrival.due > self._shares.get(arrival.slot % self._cell.shares, FOREVER)

    def _draw(self) -> None:
        """Draw the next arrival of ours, where none is drawn."""
        if self._next:
            return
        self._passed.clear()
        try:
            for drawn in self._load:
                arrival = drawn._replace(due=self._start + drawn.due, held=0)
                if self._is_ours(arrival):
                    self._next.append(arrival)
                    return
                self._passed.append(arrival)
        except (ValueError, OSError) as error:
            self.failure = str(error)

    @property
    def upcoming(self) -> Arrival | None:
        """Return the next arrival; ``None`` where none is drawn."""
        with self._lock:
            return self._next[0] if self._next else None

    @property
    def next_due(self) -> int | None:
        """Return when a stream is to be started next; ``None`` when none is to come, or has to wait for another."""
        with self._lock:
            coming = self._coming
            return (
                coming.due - self.lead if coming and not self._is_over and self.running < self._most else None
            )

    @property
    def is_exhausted(self) -> bool:
        """Return whether no arrival will start."""
        return self._is_over or not (self._next or self._turns)

    @property
    def _coming(self) -> Arrival | None:
        """Return what is due next: an arrival, or a turn."""
        drawn = self._next[0] if self._next else None
        if not self._turns:
            return drawn
        turn = self._turns[0][-1]
        return turn if drawn is None or turn.due < drawn.due else drawn

    def take_due(self, now: int) -> list[Arrival]:
        """Return the arrivals that are due; each then runs until :meth:`next_after`, or is not admitted."""
        started = []
        with self._lock:
            while (
                not self._is_over
                and self.running < self._most
                and (coming := self._coming)
                and coming.due <= now + self.lead
            ):
                self.running += 1
                if self.running == self._most:
                    self._full_since = now
                started.append(self._pop())
            self._is_over = self._is_over or now >= self._end
        return started

    def _pop(self) -> Arrival:
        coming = self._coming
        assert coming is not None
        if self._turns and coming is self._turns[0][-1]:
            return heapq.heappop(self._turns)[-1]
        self._next.popleft()
        self._draw()
        return coming

    def admit(self, arrival: Arrival) -> bool:  # noqa: ARG002
        """Return whether a stream that was taken may start: not after a stop."""
        with self._lock:
            self.running -= self._is_stopped
            return not self._is_stopped

    def next_after(self, arrival: Arrival, ok: bool, now: int) -> Arrival | None:  # noqa: ARG002
        """Return what takes the place of ``arrival``, which has ended, where as many ran as may; otherwise ``None``.

        That is what was held, or the arrival that comes next if that is soon: no driver watches for it.
        """
        with self._lock:
            coming = self._coming if self.running >= self._most and not self._is_over else None
            if coming is None or now >= self._end or coming.due > now + SOON_NS:
                self.running -= 1
                return None
            found = self._pop()
            return found._replace(held=max(0, now - max(found.due, self._full_since)))

    def think(self, turn: Arrival, now: int) -> Arrival | None:
        """Return what takes the place of a session until its ``turn`` is due."""
        turn = turn._replace(held=0)
        with self._lock:
            heapq.heappush(self._turns, (turn.due, turn.slot or 0, turn))
        return self.next_after(turn, True, now)

    def ends(self, slot: int) -> int:  # noqa: ARG002
        """Return ``FOREVER``: a stream that has started runs to its own end."""
        return FOREVER

    def stop(self, now: int) -> None:
        """Start no more streams."""
        with self._lock:
            self._is_over, self._is_stopped, self._end = True, True, min(self._end, now)

    def add(self, shares: set[int], now: int) -> None:
        """Run the arrivals of these shares too, from now on."""
        with self._lock:
            self._shares = dict.fromkeys(shares, now) | self._shares
            self._most = replace(self._cell, slots=tuple(self._shares)).places or FOREVER
            ours = [arrival for arrival in self._passed if self._is_ours(arrival)]
            self._passed = [arrival for arrival in self._passed if not self._is_ours(arrival)]
            self._next = deque(sorted([*ours, *self._next]))

    def not_started(self, begin: int) -> int:
        """Drop the arrivals that were due by the end, or the stop; return how many were due from ``begin`` on."""
        count = 0
        with self._lock:
            while (coming := self._coming) and coming.due < self._end:
                count += self._pop().due >= begin
        return count
