"""The coordinator: gives jobs to the workers, collects their updates, notices lost workers."""

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import gevent
import msgspec

import loadgen
from loadgen import clients, store
from loadgen.distributed import messages
from loadgen.distributed.transport import LOCAL, Transport
from loadgen.distributed.worker import fingerprint
from loadgen.gate import BadData
from loadgen.lab import plan
from loadgen.lab.spool import Spool
from loadgen.model import Cell, Level, Outcome, Recording, RecordingInfo, Sample, Scenario
from loadgen.scenario import MAX_CONCURRENCY, Override

CHECK_INTERVAL_S: Final = 0.1  # between two checks of which workers are connected
SILENCE_TIMEOUT_S: Final = 10.0  # without an update a worker is lost, whatever its heartbeat says
SPARE_SHARES: Final = 12  # of an open load for each worker: so many others may take over from a lost one
MAX_TEXT: Final = 10_000  # characters of one error
NO_HEARTBEAT: Final = "no heartbeat from the worker"


@dataclass
class Assignment:
    """One cell of the job at one worker, and what that worker has sent.

    ``worker`` is its name in tables and files, empty where this process is the worker; ``node`` is the transport's.
    ``slots`` is ``None`` where users of Locust are the streams. ``recording`` is as of the last update, without tables.
    """

    worker: str
    node: str
    cell: int
    slots: tuple[int, ...] | None
    shares: int = 0  # into which the arrivals of an open load are divided, of which ``slots`` are its own
    identity: Mapping[str, Any] = field(default_factory=dict)  # what a recording of the cell is about
    recording: RecordingInfo | None = None
    spool: Spool = field(default_factory=Spool)
    sample: Sample | None = None  # the last one
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    requested: int = field(init=False)
    most_requested: int = field(init=False)
    open: int = 0
    tokens: int = 0
    done: bool = False
    lost: str = ""  # why nothing more comes from it
    updated_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.requested = self.most_requested = 0 if self.shares else len(self.slots or ())

    @property
    def running(self) -> bool:
        """Whether more updates are to come."""
        return not self.done and not self.lost

    def check(self, update: messages.Update) -> None:
        """Raise BadData for an update that no engine of this assignment can have sent."""
        most = MAX_CONCURRENCY if self.slots is None else len(self.slots)
        if max(update.requested, update.most_requested) > most:
            raise BadData("most_requested", f"is more than {most:,}")
        slots = {each.slot % self.shares if self.shares else each.slot for each in update.rows.streams}
        if self.slots is not None and not slots <= {*self.slots}:
            raise BadData("streams.slot", "is a slot of another worker")
        if any(len(each.error) > MAX_TEXT for each in update.rows.streams):
            raise BadData("streams.error", f"has more than {MAX_TEXT:,} characters")
        store.check(update.recording, *update.rows)

    def add(self, update: messages.Update) -> None:
        """Add what a worker has sent. Raises StoreError."""
        self.updated_at = time.monotonic()
        self.recording = update.recording
        self.sample = next(reversed(update.rows.samples), self.sample)
        self.outcomes.update(stream.outcome for stream in update.rows.streams)
        self.requested, self.most_requested = update.requested, update.most_requested
        self.open, self.tokens, self.done = update.open, update.tokens, update.done
        level = Level(streams=max(self.most_requested, 1)) if self.slots is None else update.recording.level
        self.spool.add(update.rows, partial(self._own, update.recording, level))

    def filled(self, cell: Cell) -> Recording:
        """Return the recording of ``cell``, less what has been kept; an empty one where nothing was sent.

        Raises StoreError.
        """
        load = cell.workload.load
        begin = int(load.warmup * 1e9)
        info = self.recording or RecordingInfo(
            **_identity(cell),
            level=cell.level,
            workload=replace(cell.workload, prompts=()),
            ended="the worker sent nothing",
            start=0,  # its clock begins with the cell
            window=(begin, max(begin, int((load.seconds or 0.0) * 1e9))),
            clock=((0, 0), (0, 0)),
        )
        level = cell.level if self.shares else Level(streams=max(cell.max_streams, 1))
        return self.spool.recording(self._own(info, level))

    def _own(self, info: RecordingInfo, level: Level) -> RecordingInfo:
        return replace(
            info,
            **self.identity,
            level=level,
            ended=self.lost or info.ended,
            worker=self.worker,
            server=None,
            attempt=0,
            number=0,
            share=self.most_requested if self.worker and not self.shares else None,
        )


class Coordinator:
    """Runs one job at a time.

    ``note`` gets messages for the user. ``updated`` gets each update with the assignment that it has been added to.
    """

    def __init__(
        self,
        transport: Transport,
        note: Callable[[str], None],
        updated: Callable[[Assignment, messages.Update], None],
    ) -> None:
        self.assignments: list[Assignment] = []
        self.most_requested: dict[int, int] = {}  # cell index -> the most streams requested at one time
        self.failure: store.StoreError | None = None  # what was sent cannot be saved
        self._transport, self._note, self._updated = transport, note, updated
        self._job = messages.Job(0, "", (), "", None)
        self._ending = False
        self._late_cells: Sequence[Cell] = ()  # of workers that connect during the job
        self._keep: Callable[[Cell, Recording], None] | None = None
        self._names = {LOCAL: ""}  # node -> its name in tables and files, of workers that can take work
        transport.on(messages.UPDATE, self._update)
        transport.on(messages.HELLO, self._hello)
        transport.on(messages.FAILED, self._failed)
        gevent.spawn(self._watch)

    # -- workers

    def nodes(self) -> list[str]:
        """Return the workers that can take work, in the order in which they connected."""
        return [node for node in self._transport.nodes() if node in self._names]

    def _hello(self, node: str, version: str) -> None:
        host = _host(node) or node
        if version != loadgen.__version__:
            reason = f"the worker has loadgen {version}, the master {loadgen.__version__}: install the same version"
            self._note(f"a worker on {host} is refused: {reason}")
            self._transport.send(messages.REFUSED, reason, node)
        else:
            self._names.setdefault(node, f"{host}-{len(self._names)}")
            self._assign(node, self._late_cells)

    def _failed(self, node: str, reason: str) -> None:
        for assignment in self.assignments:
            if assignment.node == node and assignment.running:
                self._lose(assignment, reason)

    def _watch(self) -> None:
        while True:
            gevent.sleep(CHECK_INTERVAL_S)
            connected = self.nodes()
            for assignment in self.assignments:
                if assignment.running and assignment.node not in connected:
                    self._lose(assignment, NO_HEARTBEAT)
                elif assignment.running and time.monotonic() - assignment.updated_at > SILENCE_TIMEOUT_S:
                    self._lose(assignment, f"no update for {SILENCE_TIMEOUT_S:.0f} s")

    def _lose(self, assignment: Assignment, reason: str) -> None:
        """Give the slots of the assignment to the other workers. Locust itself does so with its users."""
        assignment.lost, assignment.open = reason, 0
        text = f"lost {f'worker {assignment.worker}' if assignment.worker else 'the engine'}: {reason}"
        if assignment.slots is None or self._ending:
            self._note(text)
            return
        heirs = [other for other in self.assignments if other.cell == assignment.cell and other.running]
        outcome = "the other workers take over its streams" if heirs else "no worker is left for its streams"
        self._note(f"{text}; {outcome}")
        for place, heir in enumerate(heirs):
            if slots := assignment.slots[place :: len(heirs)]:
                heir.slots = (*(heir.slots or ()), *slots)
                add = messages.Add(self._job.number, assignment.cell, slots)
                self._transport.send(messages.ADD, messages.pack(add), heir.node)

    # -- a job

    def begin(
        self,
        scenario: Scenario,
        overrides: Sequence[str | Override],
        url: str | None,
        cells: Sequence[Cell],
        *,
        scheduled: bool,
        ca: str = "",
        keep: Callable[[Cell, Recording], None] | None = None,
    ) -> None:
        """Give every worker its part of ``cells``, which run at the same time; with ``keep`` save what they send.

        ``scheduled``: the cells' own schedule; otherwise users of Locust are the streams, and workers may join later.
        """
        self._job = messages.Job(
            number=self._job.number + 1,
            scenario=str(scenario.source),
            overrides=tuple(each if isinstance(each, str) else tuple(each) for each in overrides),
            fingerprint=fingerprint(scenario),
            url=url,
            ca=ca,
            nonce=os.urandom(8).hex(),
            calibration=cells[0].workload.calibration if cells else None,
        )
        self._ending, self._late_cells, self._keep = False, () if scheduled else cells, keep
        self.assignments, self.most_requested = [], {}
        nodes = self.nodes()
        for place, node in enumerate(nodes):
            parts = [plan.split(cell, len(nodes), SPARE_SHARES)[place : place + 1] for cell in cells]
            self._assign(node, [part for own in parts for part in own] if scheduled else cells)

    def _assign(self, node: str, work: Sequence[Cell]) -> None:
        """Send a job of these cells to a worker; their slots are ``None`` where users of Locust are the streams."""
        if not work:
            return
        for cell in work:
            spool = Spool(partial(self._keep, cell) if self._keep else None)
            shares = cell.shares if cell.workload.load.is_open else 0
            name, identity = self._names[node], _identity(cell)
            self.assignments.append(
                Assignment(name, node, cell.index, cell.slots, shares, identity, spool=spool)
            )
        neighbours = [other for other in self.nodes() if _host(other) == _host(node)]
        place = neighbours.index(node) if node in neighbours else 0
        job = msgspec.structs.replace(
            self._job,
            place=place,
            slots={cell.index: cell.slots for cell in work},
            shares={cell.index: cell.shares for cell in work},
        )
        self._transport.send(messages.JOB, messages.pack(job), node)

    def _update(self, node: str, data: bytes) -> None:
        try:
            update = messages.unpack(messages.Update, data)
            of_cell = [each for each in self.assignments if each.cell == update.cell]
            assignment = next((each for each in of_cell if each.node == node), None)
            if update.job != self._job.number or assignment is None or assignment.done:
                return
            if not assignment.lost:
                assignment.check(update)
        except BadData as error:
            self._failed(node, f"it sent what cannot be ({error})")
            return
        if assignment.lost:  # it was only slow, and others have its streams now
            self._transport.send(messages.END, messages.pack(messages.End(update.job, 0.0)), node)
            return
        try:
            assignment.add(update)
        except store.StoreError as error:
            self.failure = error
        requested = sum(each.most_requested for each in of_cell if not each.lost)
        self.most_requested[update.cell] = max(self.most_requested.get(update.cell, 0), requested)
        self._updated(assignment, update)
        if update.done and update.recording.ended and not self._ending:
            self._lose(assignment, update.recording.ended)

    def over(self) -> bool:
        """Return whether every worker that is left has sent everything."""
        return not any(assignment.running for assignment in self.assignments)

    def end(self, grace: float | None, seconds: float) -> None:
        """End the job; wait until every worker has ended, for at most ``seconds``. See :class:`messages.End`."""
        self._ending, self._late_cells = True, ()
        end = messages.pack(messages.End(self._job.number, grace))
        for node in {assignment.node for assignment in self.assignments if assignment.running}:
            # not at once: in this process it returns when the engines have ended
            gevent.spawn(self._transport.send, messages.END, end, node)
        until = time.monotonic() + seconds
        while not self.over() and time.monotonic() < until:
            gevent.sleep(CHECK_INTERVAL_S)

    def recordings(self, cell: Cell) -> list[Recording]:
        """Return a recording of ``cell`` for each worker; none where no worker began anything."""
        if not any(each.recording for each in self.assignments):
            return []
        return [each.filled(cell) for each in self.assignments if each.cell == cell.index]


def _identity(cell: Cell) -> dict[str, Any]:
    client = replace(cell.client, python=None)
    return {
        "index": cell.index, "client": client, "mode": clients.info(client.name).mode, "repeat": cell.repeat,
    }  # fmt: skip


def _host(node: str) -> str:
    """Return the host of a node that Locust has named ``<host>_<digits>``."""
    return node.rpartition("_")[0]
