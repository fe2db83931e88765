"""The coordinator: gives jobs to the workers, collects their updates, notices lost workers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import gevent
import msgspec

import loadgen
from loadgen import clients
from loadgen.distributed import messages
from loadgen.distributed.transport import LOCAL
from loadgen.distributed.worker import fingerprint
from loadgen.lab import cell as lab_cell
from loadgen.model import Cell, CpuSample, Level, Pause, Recording, Sample, Scenario, ServerLog, Stream
from loadgen.scenario import Override

if TYPE_CHECKING:
    from loadgen.distributed.transport import Transport

CHECK_INTERVAL_S: Final = 0.1  # between two checks of which workers are there
SILENCE_TIMEOUT_S: Final = 10.0  # without an update a worker is lost, whatever its heartbeat says
LOST: Final = "no heartbeat from the worker"

log = logging.getLogger("loadgen")


@dataclass
class Assignment:
    """What one worker does for one cell of the job, and what it has sent."""

    worker: str  # "" where this process is the worker
    node: str  # the transport's name of it
    cell: int
    slots: tuple[int, ...] | None
    recording: Recording | None = None  # as it stood at the last update, without tables
    streams: list[Stream] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    cpu_samples: list[CpuSample] = field(default_factory=list)
    requested: int = 0
    open: int = 0
    tokens: int = 0
    done: bool = False
    lost: str = ""  # why nothing more comes from it
    heard: float = field(default_factory=time.monotonic)

    @property
    def going(self) -> bool:
        """Whether more is to come."""
        return not self.done and not self.lost


class Coordinator:
    """Runs one job at a time, the ``job``-th. ``note`` gets messages for the user, ``ended`` the streams that end."""

    def __init__(
        self,
        transport: Transport,
        note: Callable[[str], None],
        ended: Callable[[Sequence[Stream]], None] = lambda _: None,
    ) -> None:
        self.assignments: list[Assignment] = []
        self.failures: list[str] = []
        self.most: dict[int, int] = {}  # cell index -> the most streams requested at one time
        self._note, self._ended = note, ended
        self.job = 0
        self._ending = False
        self._late: Callable[[str], None] | None = None
        self._names: dict[str, str] = {}
        self._came: list[str] = []
        self._refused: set[str] = set()
        self._transport = transport
        transport.on(messages.UPDATE, self._update)
        transport.on(messages.HELLO, self._hello)
        transport.on(messages.FAILED, self._failed)
        gevent.spawn(self._watch)

    # -- who is there

    def nodes(self) -> list[str]:
        """Return the workers that can take work, in the order in which they came."""
        there = self._transport.nodes()
        return [
            node for node in there if node == LOCAL or (node in self._names and node not in self._refused)
        ]

    def name(self, node: str) -> str:
        """Return the worker's name in tables and files."""
        return self._names.get(node, "")

    def _hello(self, node: str, version: str) -> None:
        self._came.append(node)
        self._names[node] = f"{_host(node) or node}-{len(self._came)}"
        if version != loadgen.__version__:
            text = f"a worker of loadgen {version} cannot work for a master of loadgen {loadgen.__version__}"
            self._refused.add(node)
            self._note(f"{self._names[node]} is refused: {text}")
            self._transport.send(messages.REFUSED, text, node)
        elif self._late is not None:
            self._late(node)

    def _failed(self, node: str, why: str) -> None:
        name = self.name(node)
        self.failures.append(f"{name}: {why}" if name else why)
        for assignment in self.assignments:
            if assignment.node == node and assignment.going:
                self._lose(assignment, why)

    def _watch(self) -> None:
        while True:
            gevent.sleep(CHECK_INTERVAL_S)
            there = set(self.nodes())
            for assignment in self.assignments:
                if assignment.going and assignment.node not in there:
                    self._lose(assignment, LOST)
                elif assignment.going and time.monotonic() - assignment.heard > SILENCE_TIMEOUT_S:
                    self._lose(assignment, "no news from the worker")

    def _lose(self, assignment: Assignment, why: str) -> None:
        assignment.lost, assignment.open = why, 0
        who = f"worker {assignment.worker}" if assignment.worker else "the engine"
        if assignment.slots is None or self._ending:  # Locust gives its users to the others
            self._note(f"{who} was lost: {why}")
            return
        heirs = [other for other in self.assignments if other.cell == assignment.cell and other.going]
        self._note(
            f"{who} was lost: {why}; "
            + ("its streams go to the others" if heirs else "nobody is left for its streams")
        )
        for place, heir in enumerate(heirs):
            slots = assignment.slots[place :: len(heirs)]
            if slots:
                heir.slots = (*(heir.slots or ()), *slots)
                add = messages.Add(self.job, assignment.cell, slots)
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
    ) -> None:
        """Give every worker its part of ``cells``, which run at the same time.

        ``scheduled``: the cells' own schedule; otherwise the users of Locust are the streams.
        """
        self.job += 1
        self._ending = False
        self.assignments, self.failures, self.most = [], [], {}
        nodes = self.nodes()
        for place, node in enumerate(nodes):
            assignments = [tuple(range(cell.max_streams))[place :: len(nodes)] for cell in cells]
            self._give(
                node,
                [
                    (cell, slots if scheduled else None)
                    for cell, slots in zip(cells, assignments, strict=True)
                    if slots or not scheduled
                ],
                scenario,
                overrides,
                url,
            )
        # Those who come later help where the streams are Locust's users.
        self._late = (
            None
            if scheduled
            else lambda node: self._give(node, [(cell, None) for cell in cells], scenario, overrides, url)
        )

    def _give(
        self,
        node: str,
        work: Sequence[tuple[Cell, tuple[int, ...] | None]],
        scenario: Scenario,
        overrides: Sequence[str | Override],
        url: str | None,
    ) -> None:
        if not work:
            return
        name = self.name(node)
        self.assignments += [
            Assignment(name, node, cell.index, slots, requested=len(slots or ())) for cell, slots in work
        ]
        job = messages.Job(
            number=self.job,
            scenario=str(scenario.source),
            overrides=tuple(each if isinstance(each, str) else tuple(each) for each in overrides),
            fingerprint=fingerprint(scenario),
            url=url,
            place=self._place(node),
            parts=tuple(messages.Part(cell.index, slots) for cell, slots in work),
        )
        self._transport.send(messages.JOB, messages.pack(job), node)

    def _place(self, node: str) -> int:
        """Return the worker's number among those of its machine."""
        alike = [other for other in self.nodes() if _host(other) == _host(node)]
        return alike.index(node) if node in alike else 0

    def _update(self, node: str, data: bytes) -> None:
        try:
            update = messages.unpack(messages.Update, data)
        except msgspec.MsgspecError as error:
            self._note(f"{self.name(node)} sent a message that cannot be read: {error}")
            return
        assignment = self._assignment(node, update)
        if assignment is None or assignment.done:
            return
        if assignment.lost:  # it was only slow, and others have its streams now
            self._transport.send(messages.END, messages.pack(messages.End(self.job, 0.0)), assignment.node)
            return
        assignment.heard = time.monotonic()
        assignment.recording = update.recording
        assignment.streams += update.streams
        assignment.samples += update.samples
        assignment.pauses += update.pauses
        assignment.cpu_samples += update.cpu_samples
        assignment.requested, assignment.open, assignment.tokens, assignment.done = (
            update.requested,
            update.open,
            update.tokens,
            update.done,
        )
        now = sum(
            each.requested for each in self.assignments if each.cell == assignment.cell and not each.lost
        )
        self.most[assignment.cell] = max(self.most.get(assignment.cell, 0), now)
        if update.streams:
            self._ended(update.streams)
        if update.done and update.recording.ended and not self._ending:
            self._lose(assignment, update.recording.ended)

    def _assignment(self, node: str, update: messages.Update) -> Assignment | None:
        if update.job != self.job:
            return None
        of_node = (assignment for assignment in self.assignments if assignment.node == node)
        return next((each for each in of_node if each.cell == update.cell), None)

    def over(self) -> bool:
        """Whether every worker that is left has sent everything."""
        return not any(assignment.going for assignment in self.assignments)

    def end(self, grace: float | None, seconds: float) -> None:
        """End the job; wait until every worker has ended, for at most ``seconds``. See :class:`messages.End`."""
        self._ending, self._late = True, None
        end = messages.pack(messages.End(self.job, grace))
        for node in {assignment.node for assignment in self.assignments if assignment.going}:
            if node == LOCAL:
                gevent.spawn(
                    self._transport.send, messages.END, end, node
                )  # handled here, and takes its time
            else:
                self._transport.send(messages.END, end, node)
        until = time.monotonic() + seconds
        while not self.over() and time.monotonic() < until:
            gevent.sleep(CHECK_INTERVAL_S)

    def recordings(self, cells: Sequence[Cell], server: ServerLog | None) -> list[Recording]:
        """Return a recording for each worker and cell; none where no worker began.

        The first one of a cell has the server's log, which is about all of them.
        """
        if not any(each.recording for each in self.assignments):
            return []
        found: list[Recording] = []
        for cell in cells:
            level = Level(streams=max(cell.max_streams, 1))
            of_cell = server
            for assignment in self.assignments:
                if assignment.cell != cell.index:
                    continue
                recording = replace(
                    assignment.recording or _nothing(cell),
                    index=cell.index,
                    level=level,
                    repeat=cell.repeat,
                    ended=assignment.lost
                    or (assignment.recording.ended if assignment.recording else "the worker sent nothing"),
                    worker=assignment.worker,
                    share=assignment.requested if assignment.worker else None,
                    server=of_cell,
                )
                of_cell = None
                found.append(
                    lab_cell.filled(
                        recording,
                        assignment.streams,
                        assignment.samples,
                        assignment.pauses,
                        assignment.cpu_samples,
                    )
                )
        return found


def _host(node: str) -> str:
    """Return the host of a node that Locust has named ``<host>_<digits>``."""
    return node.rpartition("_")[0]


def _nothing(cell: Cell) -> Recording:
    """Return the recording of a worker that was lost before its first update. Its clock begins with the cell."""
    begin = int(cell.workload.load.warmup * 1e9)
    return Recording(
        index=cell.index,
        client=replace(cell.client, python=None),
        mode=clients.info(cell.client.name).mode,
        level=cell.level,
        repeat=cell.repeat,
        workload=replace(cell.workload, prompts=()),
        ended="",
        start=0,
        window=(begin, max(begin, int((cell.workload.load.seconds or 0.0) * 1e9))),
        clock=((0, 0), (0, 0)),
        same_host=False,
        base_rss_kib=None,
        base_threads=None,
        edges=(),
        machine=None,
        server=None,
        streams={},
        arrivals={},
        stamps={},
        samples={},
    )
