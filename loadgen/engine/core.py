"""What both drivers share: the open streams, their timeouts, commands from the parent and reports to it."""

import itertools
import json
from collections import deque
from collections.abc import Callable
from time import perf_counter_ns

from loadgen.engine import gil
from loadgen.engine.dispatcher import Dispatcher
from loadgen.engine.memory import MemoryWatch
from loadgen.engine.pauses import PauseWatcher
from loadgen.engine.pipe import Done, Edge, Outbox, Pauses, Pulse, Streams
from loadgen.engine.recorder import BytesRecorder, KeepingRecorder, StreamRecorder, do_nothing
from loadgen.engine.requests import Requests
from loadgen.engine.schedule import Schedule
from loadgen.engine.surplus import Connections
from loadgen.engine.system import totals
from loadgen.model import FOREVER, Arrival, Cell, Outcome, Request, Stream
from loadgen.protocols import Protocol

CHECK_INTERVAL_NS = 100_000_000  # between two checks of what is due, such as a timeout
PULSE_INTERVAL_NS = 500_000_000
STOP_TIMEOUT_NS = 1_000_000_000  # streams get so long to end after a stop, or after their timeout
FLUSH_INTERVAL_NS = 5_000_000  # between two batches while more streams wait to be sent
MIN_BATCH = 256  # streams encoded at once; more where many wait, so that they leave as fast as they end,
MAX_BATCH_BYTES = 4 << 20  # and fewer where they are long, so that it never blocks the loop for long


class Engine:
    """The cell while it runs. Drivers call it; nothing here knows threads or tasks."""

    def __init__(self, cell: Cell, protocol: Protocol, outbox: Outbox) -> None:
        self.cell = cell
        self.open: dict[int, StreamRecorder] = {}  # by the number of the stream
        self.dispatcher = Schedule(cell) if cell.workload.load.is_open else Dispatcher(cell)
        self.pauses = PauseWatcher()
        self._timeouts = limits = cell.workload.timeouts
        # No stream can expire sooner after it was looked at, whatever comes.
        self._shortest = int(min(limits.first_token, limits.idle, limits.total, limits.drain) * 1e9)
        self._protocol = protocol
        self._outbox = outbox
        self._requests = Requests(cell, protocol)
        self._recorder = StreamRecorder if self._requests.conversations is None else KeepingRecorder
        if not cell.workload.has_tokens:
            self._recorder = BytesRecorder
        self.wake: Callable[[], object] = do_nothing  # lets the driver look for what is due, from any thread
        self._numbers = itertools.count()
        self._ended: deque[Stream] = deque()
        self._connections = Connections()
        self._memory = MemoryWatch()
        self._stopped_at: int | None = None
        self._begin = self._until = 0
        self._edges: list[int] = []
        self._next_check = self._next_pulse = self._next_flush = self._next_look = 0

    def start(self, start: int) -> None:
        """Begin the load; its times count from ``start``."""
        load = self.cell.workload.load
        self.dispatcher.start(start)
        self._until = FOREVER if load.is_commanded else start + int((load.seconds or 0) * 1e9)
        self._begin = start + int(load.warmup * 1e9)
        self._edges = [self._begin, *([] if load.seconds is None else [self._until])]
        self._next_check = self._next_pulse = self._next_flush = start
        self.pauses.start()
        self._memory.start()

    # -- streams

    def begin_stream(self, arrival: Arrival) -> StreamRecorder | None:
        """Record the stream that starts now; ``None`` when it must not, and its slot has left."""
        if not self.dispatcher.admit(arrival):
            return None
        number = next(self._numbers)
        decoder = self._protocol.decoder(self.cell.workload.stream)
        if hasattr(decoder, "max_bytes"):  # isinstance(…, Bounded) takes 5 µs
            decoder.max_bytes = self.cell.workload.max_message
        recorder = self._recorder(number, arrival.slot or 0, arrival.due, decoder)
        recorder.asked = self._requests.asked(arrival)
        recorder.http, recorder.held_ns = self.cell.workload.http, arrival.held
        if recorder.http == "1.1":  # else other streams are on its connection
            recorder.connections = self._connections
        self.open[number] = recorder
        return recorder

    def request(self, arrival: Arrival) -> Request:
        """Return the request of a stream."""
        return self._requests.of(arrival)

    def end_stream(self, recorder: StreamRecorder, arrival: Arrival) -> Arrival | None:
        """Keep what happened, and return the slot's next arrival; ``None`` when the slot has left."""
        ok, now = self._keep(recorder), perf_counter_ns()
        if (talk := self._requests.conversations) and isinstance(recorder, KeepingRecorder):
            turn = talk.next_turn(arrival, bytes(recorder.body), ok, now)
            if turn is not None:
                after = self.dispatcher.think(turn, now)
                self.wake()
                return after
            arrival = arrival._replace(session=arrival.session + 1, turn=0)
        return self.dispatcher.next_after(arrival, ok, now)

    def _keep(self, recorder: StreamRecorder) -> bool:
        """Keep the stream, once; return whether it succeeded."""
        if self.open.pop(recorder.number, None) is None:
            return False
        recorder.cancel = do_nothing  # its connection may be the next stream's
        recorder.sock = None
        # A library that keeps a timeout itself may be ahead of the next check.
        recorder.expired = recorder.expired or recorder.expired_timeout(self._timeouts, perf_counter_ns())
        stream = recorder.stream()
        self._ended.append(stream)
        return stream.outcome == Outcome.OK

    def is_finished(self, now: int) -> bool:
        """Return whether the load is over and every slot has left, or cannot be ended from outside."""
        if self._stopped_at is not None:
            if now - self._stopped_at > STOP_TIMEOUT_NS:
                return True
        elif now < self._until or not self.dispatcher.is_exhausted:
            return False
        # Slots before streams: those between two streams must be waited for.
        running = self.dispatcher.running
        # A thread that waits for headers cannot be ended: its stream outlasts its timeout.
        late, streams = now - STOP_TIMEOUT_NS, list(self.open.values())
        if running > len(streams):
            return False
        # Those whose time is not over must leave room for all that run: the first one too many says no.
        going = (each for each in streams if each.expired_timeout(self._timeouts, late) is None)
        return next(itertools.islice(going, len(streams) - running, None), None) is None

    # -- the parent

    def run_command(self, line: bytes, now: int) -> None:
        """Run a command from the parent; see the package. Raises ValueError where the load does not allow it."""
        command = json.loads(line)
        self._next_look = now
        if self._stopped_at is not None:
            return
        if command.get("stop"):
            self._stopped_at = now
            self.dispatcher.stop(now)
        elif "streams" in command:
            if isinstance(self.dispatcher, Schedule) or not self.cell.workload.load.is_commanded:
                raise ValueError("this load has a schedule; its number of streams cannot be changed")
            deadline = now + int(command.get("grace", 0) * 1e9)
            self.dispatcher.resize(int(command["streams"]), now, deadline)
        elif "add" in command:
            self.dispatcher.add(set(command["add"]), now)

    def wakes_at(self) -> int:
        """Return until when the driver may wait for a command before it must check again."""
        due = self.dispatcher.next_due
        planned = min(self._next_check, self._next_flush)
        return min(planned, *self._edges[:1], planned if due is None else due)

    def check(self, now: int) -> None:
        """End the streams whose time is over, and report to the parent, where that is due."""
        while self._edges and self._edges[0] <= now:
            self._edges.pop(0)
            self._outbox.send(Edge(totals(perf_counter_ns())))
        if isinstance(self.dispatcher, Schedule):
            if (upcoming := self.dispatcher.upcoming) is not None:
                self._requests.prepare(upcoming)
            elif self.dispatcher.failure:
                self._until = min(self._until, now)
        if now >= self._next_flush:
            waits = self._flush()
            self._next_flush = now + (FLUSH_INTERVAL_NS if waits else CHECK_INTERVAL_NS)
        if now < self._next_check:
            return
        self._next_check = now + CHECK_INTERVAL_NS
        # A copy in one step: threads come and go meanwhile.
        watched = list(self.open.values())
        if now >= self._next_pulse:
            self._next_pulse = now + PULSE_INTERVAL_NS
            self._outbox.send(Pulse(now, len(watched), sum(recorder.text_events for recorder in watched)))
        if self._memory.check(watched) or now >= self._next_look:
            self._next_look = self._end_expired(watched, now)

    def _end_expired(self, watched: list[StreamRecorder], now: int) -> int:
        """End the streams whose time is over, again until they have ended; return when to look next."""
        following = now if self._stopped_at is not None else now + self._shortest
        for recorder in watched:
            if recorder.expired is None:
                surplus = self.dispatcher.ends(recorder.slot)
                at, outcome = recorder.expires(self._timeouts)
                if self._stopped_at is not None or surplus <= now:
                    recorder.expired = Outcome.STOPPED
                elif at < now:
                    recorder.expired = outcome
                following = min(following, surplus, at)
            if recorder.expired is not None:
                recorder.abort()
                following = now
        return following

    def _flush(self) -> bool:
        """Send the pauses and a batch of the streams that have ended; return whether more is to be sent."""
        if pauses := self.pauses.take():
            self._outbox.send(Pauses(pauses))
        batch: list[Stream] = []
        most, size = max(MIN_BATCH, len(self._ended) // 4), 0
        while self._ended and len(batch) < most and size < MAX_BATCH_BYTES:
            stream = self._ended.popleft()
            batch.append(stream)
            size += sum(map(len, (stream.arrivals, stream.counts, stream.stamps, stream.sizes)))
        if batch:
            self._outbox.send(Streams(batch))
        return bool(self._ended) or not self._outbox.write()

    def close(self) -> None:
        """Send all that is left, the streams that are still open too, however long the parent takes."""
        self.pauses.close()
        self._outbox.drain()
        for recorder in list(self.open.values()):
            recorder.expired = recorder.expired or Outcome.STOPPED
            self._keep(recorder)
        if self._edges or self.cell.workload.load.seconds is None:
            self._outbox.send(Edge(totals(perf_counter_ns())))
        while self._flush():
            pass
        done = Done(gil=gil.on_by())
        if isinstance(self.dispatcher, Schedule):
            done = Done(self.dispatcher.not_started(self._begin), self.dispatcher.failure, gil.on_by())
        self._outbox.send(done)
