"""The master's side: hands out jobs, gathers what comes back, notices who is lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import gevent
import msgspec
from locust.runners import STATE_MISSING, MasterRunner

import loadgen
from loadgen import clients
from loadgen.distributed import messages
from loadgen.distributed.worker import fingerprint
from loadgen.lab import cell as lab_cell
from loadgen.model import Cell, CpuSample, Level, Pause, Recording, Sample, Scenario, ServerLog, Stream
from loadgen.scenario import Override

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.rpc import Message

CHECK_INTERVAL_S: Final = 0.1  # seconds between two looks at who is there
SILENCE_TIMEOUT_S: Final = (
    10.0  # seconds without a update after which a worker is lost, whatever its heartbeat says
)
LOST: Final = "no heartbeat from the worker"
ALONE: Final = "local"

log = logging.getLogger("loadgen")


@dataclass
class Assignment:
    """What one worker does for one client of the job, and what came of it."""

    worker: str  # "" where this process is the worker
    node: str  # Locust's name of it
    client: str
    slots: tuple[int, ...] | None
    bare: Recording | None = None
    streams: list[Stream] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    cpu_samples: list[CpuSample] = field(default_factory=list)
    asked: int = 0
    open: int = 0
    tokens: int = 0
    done: bool = False
    lost: str = ""  # why nothing more comes of it
    heard: float = field(default_factory=time.monotonic)

    @property
    def going(self) -> bool:
        """Whether there is more to come."""
        return not self.done and not self.lost


class Coordinator:
    """One job at a time, the ``job``-th. ``note`` hears what a user must know, ``ended`` the streams as they come."""

    def __init__(
        self,
        environment: Environment,
        note: Callable[[str], None],
        ended: Callable[[Sequence[Stream]], None] = lambda _: None,
    ) -> None:
        self.environment = environment
        self.assignments: list[Assignment] = []
        self.failures: list[str] = []
        self.most: dict[str, int] = {}  # client -> the largest number of streams asked for at one time
        self._note, self._ended = note, ended
        self.job = 0
        self._ending = False
        self._late: Callable[[str], None] | None = None
        self._names: dict[str, str] = {}
        self._refused: set[str] = set()
        runner = environment.runner
        assert runner is not None
        self._runner = runner
        runner.register_message(messages.UPDATE, self._update)
        runner.register_message(messages.HELLO, self._hello)
        runner.register_message(messages.FAILED, self._failed)
        gevent.spawn(self._watch)

    # -- who is there

    def nodes(self) -> list[str]:
        """The workers that may be given work, in the order in which they came."""
        runner = self._runner
        if not isinstance(runner, MasterRunner):
            return [ALONE]
        there = [node for node in runner.clients.all if node.state != STATE_MISSING]
        return sorted(
            (node.id for node in there if node.id in self._names and node.id not in self._refused),
            key=runner.get_worker_index,
        )

    def name(self, node: str) -> str:
        """The name of a worker in tables and files."""
        return self._names.get(node, "")

    def _hello(self, msg: Message, **_: object) -> None:
        assert isinstance(self._runner, MasterRunner)
        host = msg.node_id.rpartition("_")[0] or msg.node_id
        self._names[msg.node_id] = f"{host}-{self._runner.get_worker_index(msg.node_id) + 1}"
        if msg.data != loadgen.__version__:
            text = f"a worker of loadgen {msg.data} cannot work for a master of loadgen {loadgen.__version__}"
            self._refused.add(msg.node_id)
            self._note(f"{self._names[msg.node_id]} is refused: {text}")
            self._send(messages.REFUSED, text, msg.node_id)
        elif self._late is not None:
            self._late(msg.node_id)

    def _failed(self, msg: Message, **_: object) -> None:
        name = self.name(msg.node_id)
        self.failures.append(f"{name}: {msg.data}" if name else str(msg.data))
        for share in self.assignments:
            if share.node == msg.node_id and share.going:
                self._lose(share, str(msg.data))

    def _watch(self) -> None:
        while True:
            gevent.sleep(CHECK_INTERVAL_S)
            there = set(self.nodes())
            for share in self.assignments:
                if share.going and share.node not in there:
                    self._lose(share, LOST)
                elif share.going and time.monotonic() - share.heard > SILENCE_TIMEOUT_S:
                    self._lose(share, "no news from the worker")

    def _lose(self, share: Assignment, why: str) -> None:
        share.lost, share.open = why, 0
        who = f"worker {share.worker}" if share.worker else f"the engine of {share.client}"
        if share.slots is None or self._ending:  # Locust gives its users to the others
            self._note(f"{who} was lost: {why}")
            return
        heirs = [other for other in self.assignments if other.client == share.client and other.going]
        self._note(
            f"{who} was lost: {why}; "
            + ("its streams go to the others" if heirs else "nobody is left for its streams")
        )
        for place, heir in enumerate(heirs):
            slots = share.slots[place :: len(heirs)]
            if slots:
                heir.slots = (*(heir.slots or ()), *slots)
                add = messages.Add(self.job, share.client, slots)
                self._send(messages.ADD, messages.pack(add), heir.node)

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
        """Give every worker its share of ``cells``, which run at the same time.

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
            Assignment(name, node, cell.client.label, slots, asked=len(slots or ())) for cell, slots in work
        ]
        job = messages.Job(
            number=self.job,
            scenario=str(scenario.source),
            overrides=tuple(each if isinstance(each, str) else tuple(each) for each in overrides),
            fingerprint=fingerprint(scenario),
            url=url,
            place=self._place(node),
            parts=tuple(messages.Part(cell.index - 1, slots) for cell, slots in work),
        )
        self._send(messages.JOB, messages.pack(job), node)

    def _place(self, node: str) -> int:
        """Its number among the workers of its machine."""
        host = node.rpartition("_")[0]
        alike = [other for other in self.nodes() if other.rpartition("_")[0] == host]
        return alike.index(node) if node in alike else 0

    def _send(self, kind: str, data: Any, node: str) -> None:
        self._runner.send_message(kind, data, node)

    def _update(self, msg: Message, **_: object) -> None:
        try:
            update = messages.unpack(messages.Update, msg.data)
        except msgspec.MsgspecError as error:
            self._note(f"{self.name(msg.node_id)} sent what cannot be read: {error}")
            return
        share = self._share(msg.node_id, update)
        if share is None or share.done:
            return
        if share.lost:  # others have its streams: it was only slow
            self._send(messages.END, messages.pack(messages.End(self.job, 0.0)), share.node)
            return
        share.heard = time.monotonic()
        share.bare = update.bare
        share.streams += update.streams
        share.samples += update.samples
        share.pauses += update.pauses
        share.cpu_samples += update.cpu_samples
        share.asked, share.open, share.tokens, share.done = (
            update.asked,
            update.open,
            update.tokens,
            update.done,
        )
        now = sum(each.asked for each in self.assignments if each.client == share.client and not each.lost)
        self.most[share.client] = max(self.most.get(share.client, 0), now)
        if update.streams:
            self._ended(update.streams)
        if update.done and update.bare.ended and not self._ending:
            self._lose(share, update.bare.ended)

    def _share(self, node: str, update: messages.Update) -> Assignment | None:
        if update.job != self.job:
            return None
        of_node = (share for share in self.assignments if share.node == node)
        return next((share for share in of_node if share.client == update.client), None)

    def over(self) -> bool:
        """Whether everybody who is left has told everything."""
        return not any(share.going for share in self.assignments)

    def end(self, grace: float | None, seconds: float) -> None:
        """Tell everybody to end, and wait until they have, for ``seconds`` at most. See :class:`messages.End`."""
        self._ending, self._late = True, None
        end = messages.pack(messages.End(self.job, grace))
        for node in {share.node for share in self.assignments if share.going}:
            if node == ALONE:
                gevent.spawn(self._send, messages.END, end, node)  # it is run here, and takes its time
            else:
                self._send(messages.END, end, node)
        until = time.monotonic() + seconds
        while not self.over() and time.monotonic() < until:
            gevent.sleep(CHECK_INTERVAL_S)

    def recordings(self, cells: Sequence[Cell], server: ServerLog | None) -> list[Recording]:
        """What came of the job: a recording for each worker and client, none where nobody began.

        The first of every cell has the server's own record, which is of all that ran at that time.
        """
        if not any(share.bare for share in self.assignments):
            return []
        found: list[Recording] = []
        for cell in cells:
            label = cell.client.label
            level = Level(streams=max(cell.max_streams, 1))
            of_cell = server
            for share in self.assignments:
                if share.client != label:
                    continue
                bare = replace(
                    share.bare or _nothing(cell),
                    index=cell.index,
                    level=level,
                    repeat=cell.repeat,
                    ended=share.lost or (share.bare.ended if share.bare else "it told nothing"),
                    worker=share.worker,
                    share=share.asked if share.worker else None,
                    server=of_cell,
                )
                of_cell = None
                found.append(
                    lab_cell.filled(bare, share.streams, share.samples, share.pauses, share.cpu_samples)
                )
        return found


def _nothing(cell: Cell) -> Recording:
    """What a worker leaves that was lost before its first update. Its clock begins with the cell."""
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
