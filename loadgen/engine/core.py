"""What both drivers share: which stream comes next, which have run out of time, and what the parent hears."""

from __future__ import annotations

import fcntl
import json
import os
import random
import resource
import select
import threading
from collections import deque
from collections.abc import Collection
from time import perf_counter_ns

from loadgen.engine.frames import Done, Edge, Frame, Held, Pulse, Streams, encode
from loadgen.engine.pauses import PauseWatcher
from loadgen.engine.recorder import StreamRecorder
from loadgen.engine.schedule import intervals, spread
from loadgen.model import Cell, Outcome, Request, Sample, Stream
from loadgen.protocols import Protocol

TICK = 100_000_000  # ns between two looks at the timeouts
GRACE = 1_000_000_000  # ns that streams get to end after a stop
PAUSE = 250_000_000  # ns that a slot waits after a failure: a dead server must not turn it into a busy loop
BATCH = 256  # streams encoded per tick at most, so that a tick never holds the loop for long
FEW = 5  # slots that an order may begin at one instant; more are spread over a second
NEVER = 1 << 62


class Outbox:
    """Frames to the parent, written as far as the pipe takes them; never blocks before :meth:`drain`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = bytearray()
        os.set_blocking(fd, False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 1 << 20)

    def send(self, frame: Frame) -> None:
        self._rest += encode(frame)
        self._write()

    def _write(self) -> None:
        while self._rest:
            try:
                del self._rest[: os.write(self._fd, self._rest)]
            except BlockingIOError:
                return

    def drain(self) -> None:
        """Write what is left, however long the parent takes."""
        os.set_blocking(self._fd, True)
        self._write()


class Orders:
    """Lines from the parent on a descriptor. A parent that has died says stop."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._rest = b""

    def line(self) -> bytes:
        """The next line, however long it takes; empty when the parent has gone."""
        while b"\n" not in self._rest:
            data = os.read(self.fd, 1 << 20)
            if not data:
                return b""
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def read(self) -> list[bytes]:
        """The lines that are there. Never waits: a loop may tell of the same bytes twice."""
        if not select.select([self.fd], [], [], 0)[0]:
            return []
        data = os.read(self.fd, 1 << 16)
        if not data:
            return [b'{"stop": true}']
        self._rest += data
        return self.left()

    def left(self) -> list[bytes]:
        """The lines that came together with the last one asked for."""
        *lines, self._rest = self._rest.split(b"\n")
        return lines


class Engine:
    """The cell while it runs. Drivers call; nothing here knows threads or tasks."""

    def __init__(self, cell: Cell, protocol: Protocol, outbox: Outbox) -> None:
        self.cell = cell
        self.open: dict[int, StreamRecorder] = {}
        self.go = 0
        self.pauses = PauseWatcher()
        self._stop: int | None = None
        self._protocol = protocol
        self._outbox = outbox
        self._requests = [protocol.request(cell, prompt) for prompt in cell.workload.prompts]
        self._ended: deque[Stream] = deque()
        self._mine = set(range(cell.max_streams) if cell.slots is None else cell.slots)
        self._chance = random.Random(f"{cell.seed}/{cell.max_streams}/{cell.repeat}/orders")
        # Slot threads leave while the driver extends or restarts them: these two change under the lock only.
        self._lock = threading.Lock()
        self._running: dict[int, int] = {}  # slot -> when it starts no more streams
        self._surplus: dict[int, int] = {}  # slot -> when the stream it still has must end
        self._pending: deque[tuple[int, int, int]] = deque()  # begin, slot, end
        self._until = 0
        self._edges: list[int] = []
        self._next_tick = 0
        self._next_pulse = 0

    def start(self, go: int) -> None:
        """Zero is ``go``."""
        load = self.cell.workload.load
        self.go = go
        self._await(self._scheduled(self._mine))
        self._edges = [go + int(load.warmup * 1e9)]
        self._until = go if load.requests is not None else NEVER
        if load.seconds is not None:
            self._until = go + int(load.seconds * 1e9)
            self._edges.append(self._until)
        self._next_tick = self._next_pulse = go
        self.pauses.start()

    # -- slots

    def _scheduled(self, slots: Collection[int]) -> list[tuple[int, int, int]]:
        """The intervals of these slots."""
        return [
            (self.go + begin, slot, NEVER if end is None else self.go + end)
            for slot, begin, end in intervals(self.cell)
            if slot in slots
        ]

    def _await(self, more: list[tuple[int, int, int]]) -> None:
        self._pending = deque(sorted([*self._pending, *more]))

    def due(self, now: int) -> list[tuple[int, int]]:
        """The slots to start now, with the time they were due. One that is still busy goes on by itself."""
        slots = []
        with self._lock:
            while self._pending and self._pending[0][0] <= now:
                due, slot, end = self._pending.popleft()
                if slot not in self._running:
                    slots.append((slot, due))
                self._running[slot] = end
                self._surplus.pop(slot, None)
        return slots

    def leaves(self, slot: int, due: int) -> bool:
        """Whether the slot starts no stream that is due then. If so it has left, and may be started anew."""
        with self._lock:
            leaves = self._stop is not None or due >= self._running[slot]
            if leaves:
                del self._running[slot]
                self._surplus.pop(slot, None)
            return leaves

    def again(self, slot: int, done: int, ok: bool, now: int) -> int | None:
        """When the slot's next stream is due after ``done`` of them; None when the slot has left."""
        requests = self.cell.workload.load.requests
        due = now if ok else now + PAUSE
        if requests is not None and done >= requests:
            due = NEVER
        return None if self.leaves(slot, due) else due

    def finished(self, now: int) -> bool:
        """Whether the load is over and every slot has left, or was told to so long ago that it hears nothing."""
        if self._stop is not None and now - self._stop > GRACE:
            return True
        if self._stop is None and (self._pending or now < self._until):
            return False
        return all(self._is_deaf(slot, now) for slot in list(self._running))

    def _is_deaf(self, slot: int, now: int) -> bool:
        """A thread that waits for headers in its library is not to be ended from outside."""
        recorder = self.open.get(slot)
        return (
            recorder is not None
            and recorder.expired_timeout(self.cell.workload.timeouts, now - GRACE) is not None
        )

    def request(self, slot: int, done: int) -> Request:
        """The request of the slot's stream number ``done``."""
        return self._requests[(slot + done) % len(self._requests)]

    def watch(self, slot: int, due: int) -> StreamRecorder:
        """A recorder for the stream that starts now."""
        self.open[slot] = recorder = StreamRecorder(
            slot, due, self._protocol.decoder(self.cell.workload.stream)
        )
        return recorder

    def ended(self, recorder: StreamRecorder) -> bool:
        """The stream is over; whether it was a success."""
        if self.open.pop(recorder.slot, None) is not recorder:
            return False
        # A library that keeps a timeout itself may be ahead of the next tick.
        recorder.expired = recorder.expired or recorder.expired_timeout(
            self.cell.workload.timeouts, perf_counter_ns()
        )
        stream = recorder.stream()
        self._ended.append(stream)
        return stream.outcome == Outcome.OK

    # -- the parent

    def order(self, line: bytes, now: int) -> None:
        """An order from the parent; see the package. Raises ValueError for one that the load does not allow."""
        order = json.loads(line)
        if self._stop is not None:
            return
        if order.get("stop"):
            self._stop = now
            self._pending.clear()
        elif "streams" in order:
            self._resize(int(order["streams"]), now, now + int(order.get("grace", 0) * 1e9))
        elif "add" in order:
            self._add(set(order["add"]), now)

    def _resize(self, slots: int, now: int, latest: int) -> None:
        if self._until != NEVER:
            raise ValueError("the number of streams of this load is not to be ordered: it has a schedule")
        with self._lock:
            for slot in self._running:
                if slot < slots:
                    self._running[slot] = NEVER
                    self._surplus.pop(slot, None)
                else:
                    self._running[slot] = min(self._running[slot], now)
                    self._surplus[slot] = min(self._surplus.get(slot, NEVER), latest)
            waiting = [each for each in self._pending if each[1] < slots]
            known = {*self._running, *(slot for _, slot, _ in waiting)}
        self._pending = deque(waiting)
        new = [slot for slot in range(slots) if slot not in known]
        self._await(
            [(begin, slot, NEVER) for begin, slot in zip(self._soon(len(new), now), new, strict=True)]
        )

    def _add(self, slots: set[int], now: int) -> None:
        new = slots - self._mine
        self._mine |= new
        scheduled = [each for each in self._scheduled(new) if each[2] > now]
        running = [(slot, end) for begin, slot, end in scheduled if begin <= now]
        begins = self._soon(len(running), now)
        self._await([each for each in scheduled if each[0] > now])
        self._await([(begin, slot, end) for begin, (slot, end) in zip(begins, running, strict=True)])

    def _soon(self, count: int, now: int) -> list[int]:
        """When so many slots begin that are wanted now."""
        if count <= FEW:
            return [now] * count
        return [now + offset for offset in spread(count, 1.0, self._chance)]

    def wake(self) -> int:
        """When the driver must look again."""
        soonest = [self._next_tick, *self._edges[:1]]
        if self._pending:
            soonest.append(self._pending[0][0])
        return min(soonest)

    def tick(self, now: int) -> list[StreamRecorder]:
        """Tell the parent how it goes; returns the streams that must be ended."""
        while self._edges and self._edges[0] <= now:
            self._edges.pop(0)
            self._edge()
        if now < self._next_tick:
            return []
        self._next_tick = now + TICK
        # A copy in one step: threads come and go while we look.
        watched = list(self.open.values())
        if now >= self._next_pulse:
            self._next_pulse = now + 5 * TICK
            self._outbox.send(Pulse(now, len(watched), sum(recorder.tokens for recorder in watched)))
        self.flush(BATCH)
        late = []
        for recorder in watched:
            if self._stop is not None or self._surplus.get(recorder.slot, NEVER) <= now:
                recorder.expired = recorder.expired or Outcome.STOPPED
            elif recorder.expired is None:
                recorder.expired = recorder.expired_timeout(self.cell.workload.timeouts, now)
            if recorder.expired is not None:
                late.append(recorder)
        return late

    def _edge(self) -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self._outbox.send(
            Edge(
                Sample(
                    at=perf_counter_ns(),
                    cpu_ns=round((usage.ru_utime + usage.ru_stime) * 1e9),
                    voluntary=usage.ru_nvcsw,
                    involuntary=usage.ru_nivcsw,
                )
            )
        )

    def flush(self, most: int) -> None:
        """Send streams that have ended, and what has held the engine up."""
        pauses = self.pauses.take()
        if pauses:
            self._outbox.send(Held(pauses))
        batch = [self._ended.popleft() for _ in range(min(most, len(self._ended)))]
        if batch:
            self._outbox.send(Streams(batch))

    def close(self) -> None:
        """Send all that is left, the streams that are still open too."""
        self.pauses.close()
        for recorder in list(self.open.values()):
            recorder.expired = recorder.expired or Outcome.STOPPED
            self.ended(recorder)
        if self._edges or self.cell.workload.load.seconds is None:
            self._edges.clear()
            self._edge()
        self.flush(BATCH)
        while self._ended:
            self.flush(BATCH)
        self._outbox.send(Done(perf_counter_ns()))
        self._outbox.drain()
