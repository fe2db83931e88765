"""Which stream of a closed load starts next, and on which slot. Times are ``perf_counter_ns`` marks."""

import heapq
import random
import threading
from dataclasses import replace

from loadgen.loads import arrivals
from loadgen.loads.closed import spread
from loadgen.model import FOREVER, Arrival, Cell

FAILURE_PAUSE_NS = 250_000_000  # a slot waits after a failure, or a dead server turns it into a busy loop,
MAX_DOUBLINGS = 5  # and twice as long after each further one, up to 8 s; longer by up to half, seeded
MAX_BURST = 5  # slots that a command starts at one instant; more are spread over BURST_SPREAD_S
BURST_SPREAD_S = 1.0
ENDLESS = FOREVER, FOREVER


class Dispatcher:
    """The arrivals that are still to come, and the slots that run now.

    The driver runs a thread or a task for each slot: :meth:`take_due` returns which to start, :meth:`admit` whether
    a slot may start the stream that it waited for, :meth:`next_after` what it runs after that. Slots leave in their own
    threads while the driver starts others: all that changes is under one lock.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._lock = threading.Lock()
        self._pending: list[tuple[int, int, int, Arrival]] = []  # due, slot, order, arrival
        self._count = 0
        # slot -> when it starts no more streams, and when the stream it still has must end
        self._running: dict[int, tuple[int, int]] = {}
        self._failures: dict[int, int] = {}  # slot -> how many of its streams failed since one succeeded
        self._stopped = False
        self._start = 0
        self._slots = set(range(cell.max_streams) if cell.slots is None else cell.slots)
        self._chance = random.Random(f"{cell.seed}/{cell.max_streams}/{cell.repeat}/orders")

    def start(self, start: int) -> None:
        """Begin the load; its times count from ``start``."""
        self._start = start
        for arrival in arrivals(self._cell):
            self._push(self._absolute(arrival))

    def _absolute(self, arrival: Arrival) -> Arrival:
        return arrival._replace(due=self._start + arrival.due, until=self._start + arrival.until)

    def _push(self, arrival: Arrival) -> None:
        assert arrival.slot is not None
        self._count += 1
        heapq.heappush(self._pending, (arrival.due, arrival.slot, self._count, arrival))

    @property
    def next_due(self) -> int | None:
        """Return when a slot is to be started next; ``None`` when nothing is pending."""
        with self._lock:
            return self._pending[0][0] if self._pending else None

    @property
    def is_exhausted(self) -> bool:
        """Return whether no arrival is pending."""
        return not self._pending

    @property
    def running(self) -> int:
        """Return how many slots run now, or wait for their next stream."""
        return len(self._running)

    # -- called by the driver and its slots

    def take_due(self, now: int) -> list[Arrival]:
        """Return the arrivals that need a thread or task now, each with its slot.

        A slot that still runs is not started again: it goes on until its new end.
        """
        started = []
        with self._lock:
            while self._pending and self._pending[0][0] <= now:
                slot, _, arrival = heapq.heappop(self._pending)[1:]
                if slot not in self._running:
                    started.append(arrival)
                self._running[slot] = arrival.until, FOREVER
        return started

    def admit(self, arrival: Arrival) -> bool:
        """Return whether the stream may start. If not, its slot has left and may be started anew."""
        assert arrival.slot is not None
        with self._lock:
            admitted = not self._stopped and arrival.due < self._running[arrival.slot][0]
            if not admitted:
                del self._running[arrival.slot]
            return admitted

    def next_after(self, arrival: Arrival, ok: bool, now: int) -> Arrival | None:
        """Return what the slot runs after ``arrival``, which has ended; ``None`` when the slot has left."""
        assert arrival.slot is not None
        left = None if arrival.streams is None else arrival.streams - 1
        with self._lock:
            due = now + self._pause(arrival.slot, ok)
            if not self._stopped and left != 0 and due < self._running[arrival.slot][0]:
                return arrival._replace(due=due, prompt=arrival.prompt + 1, streams=left)
            del self._running[arrival.slot]
            return None

    def think(self, turn: Arrival, now: int) -> Arrival | None:
        """Return the turn if it is due; otherwise its slot leaves until then."""
        slot = turn.slot or 0
        left = None if turn.streams is None else turn.streams - 1
        with self._lock:
            until, _ = self._running[slot]
            turn = turn._replace(streams=left, until=until)
            follows = not self._stopped and left != 0 and turn.due < until
            if follows and turn.due <= now:
                return turn
            del self._running[slot]
            if follows:
                self._push(turn)
            return None

    def _pause(self, slot: int, ok: bool) -> int:
        """Return how long the slot waits after a stream that has ended."""
        if ok:
            self._failures.pop(slot, None)
            return 0
        failures = self._failures[slot] = self._failures.get(slot, 0) + 1
        chance = random.Random(f"{self._cell.seed}/{self._cell.repeat}/{slot}/{failures}/failures").random()
        return int(FAILURE_PAUSE_NS * 2 ** min(failures - 1, MAX_DOUBLINGS) * (1 + chance / 2))

    def ends(self, slot: int) -> int:
        """Return when a stream of that slot must be ended because fewer are wanted; ``FOREVER``: it need not."""
        return self._running.get(slot, ENDLESS)[1]

    # -- commands

    def stop(self, now: int) -> None:  # noqa: ARG002
        """Start no more streams."""
        with self._lock:
            self._stopped = True
            self._pending.clear()

    def resize(self, slots: int, now: int, deadline: int) -> None:
        """Run slots 0 to ``slots`` - 1 from now on; the streams of those above must end by ``deadline``."""
        with self._lock:
            for slot, (until, end) in self._running.items():
                stays = slot < slots
                self._running[slot] = ENDLESS if stays else (min(until, now), min(end, deadline))
            self._pending = [entry for entry in self._pending if entry[1] < slots]
            heapq.heapify(self._pending)
            known = {*self._running, *(entry[1] for entry in self._pending)}
            missing = [slot for slot in range(slots) if slot not in known]
            self._push_now([Arrival(now, slot, slot, streams=None) for slot in missing], now)

    def add(self, slots: set[int], now: int) -> None:
        """Run these slots of the load too: those whose time has come begin now, the others when they are due."""
        with self._lock:
            new = slots - self._slots
            self._slots |= new
            found = [*map(self._absolute, arrivals(replace(self._cell, slots=tuple(new))))]
            self._push_now([arrival for arrival in found if arrival.due <= now < arrival.until], now)
            for arrival in found:
                if arrival.due > now:
                    self._push(arrival)

    def _push_now(self, wanted: list[Arrival], now: int) -> None:
        """Let these arrive now; when they are many, spread them, lest all connect at one instant."""
        offsets = [0] * len(wanted)
        if len(wanted) > MAX_BURST:
            offsets = spread(len(wanted), BURST_SPREAD_S, self._chance)
        for arrival, offset in zip(wanted, offsets, strict=True):
            self._push(arrival._replace(due=now + offset))
