"""Runs one cell on several engines of this machine: each has its share of one schedule, and a core of its own."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace

from loadgen.lab import engine, plan
from loadgen.lab.engine import INTERRUPTED
from loadgen.lab.spool import Keep
from loadgen.model import (
    AUTO,
    Cell,
    ClientId,
    EngineNumber,
    Level,
    Listener,
    Prediction,
    Progress,
    Recording,
    RecordingInfo,
    Scenario,
    Speed,
    Stream,
    WarmUp,
)
from loadgen.model.prediction import MAX_BUSY
from loadgen.preflight.cores import most_engines
from loadgen.preflight.prediction import predict


def one(_: ClientId, __: Level) -> int:
    """Return that one engine runs the cells of every client."""
    return 1


def fixed(scenario: Scenario) -> plan.Engines:
    """Return how many engines the scenario gives every client; one as long as that is to be predicted."""
    wanted = scenario.engines
    return one if wanted == AUTO else lambda *_: wanted


def predicted(
    scenario: Scenario, speed: Speed | None, note: Callable[[str], None], warm_up: WarmUp | None = None
) -> tuple[plan.Engines, tuple[Prediction, ...]]:
    """Return how many engines each client gets at each level, and what so many of them are predicted to need.

    Of ``auto`` these are the fewest that need at most 70 % of their cores, or as many as there are cores for; ``note``
    gets which clients would need more, and of which nothing is known.
    """
    if scenario.engines != AUTO:
        return fixed(scenario), predict(scenario, speed, scenario.engines, warm_up)
    found: dict[tuple[ClientId, Level], tuple[int, Prediction]] = {}
    for engines in range(1, most_engines() + 1):
        for each in predict(scenario, speed, engines, warm_up):
            key = each.client, each.level
            if key not in found or found[key][1].lacks(found[key][0]):
                found[key] = engines, each
        if not any(each.lacks(engines) for engines, each in found.values()):
            break
    for client in scenario.clients:
        if not any(known == client for known, _ in found):
            note(f"engines: auto: how many cores {client.label} needs is not known, so it has one engine")
    for engines, each in found.values():
        if each.lacks(engines):
            note(
                f"engines: auto: {each.client.label} at {each.level} needs about {each.cores:.1f} cores, "
                f"so {math.ceil(each.cores / MAX_BUSY)} engines; this machine has cores for {engines}"
            )
    return lambda *key: found[key][0] if key in found else 1, tuple(each for _, each in found.values())


def record(
    cell: Cell, listener: Listener, interrupted: Callable[[], bool], keep: Keep | None = None
) -> Sequence[Recording]:
    """Run ``cell`` on its engines, to its end or until ``interrupted()``, and return what each of them left.

    All start at the same mark. Where one of them dies, the others are stopped, and all say so.
    """
    shares = parts_of(cell)
    if len(shares) == 1:
        return [engine.record(shares[0], listener, interrupted, keep)]
    group = _Group(len(shares), listener, interrupted)
    with ThreadPoolExecutor(len(shares)) as pool:
        running = [pool.submit(group.run, place, share, keep) for place, share in enumerate(shares)]
        try:
            for each in wait(running, return_when=FIRST_EXCEPTION).done:
                each.result()
        except BaseException:
            group.abandon()
            raise
    parts = [each.result() for each in running]
    return [replace(part, ended=group.lost) for part in parts] if group.lost else parts


def parts_of(cell: Cell) -> list[Cell]:
    """Return the cell of each of its engines."""
    shares = plan.split(cell, cell.engines) if cell.engines > 1 else []
    if len(shares) < 2:
        return [cell]
    nonce = os.urandom(8).hex()
    return [
        replace(
            share,
            cores=cell.cores[place : place + 1],
            engine=EngineNumber(place + 1, len(shares)),
            nonce=nonce,
        )
        for place, share in enumerate(shares)
    ]


class _Abandoned(Exception):
    """An engine is killed because another one, or the run, has failed."""


class _Group:
    """The engines of one cell. ``lost`` is why the first of them ended that was not to; empty where none did."""

    def __init__(self, engines: int, listener: Listener, interrupted: Callable[[], bool]) -> None:
        self.lost = ""
        self._listener, self._interrupted = listener, interrupted
        self._lock = threading.RLock()  # listeners hear one engine at a time
        self._progress: dict[int, Progress] = {}
        self._mark = 0
        self._ready = threading.Barrier(engines, self._set_mark)
        self._abandoned = False

    def run(self, place: int, share: Cell, keep: Keep | None) -> Recording:
        """Run one engine to its end."""
        try:
            part = engine.record(share, _OfEngine(self, place), self._stop, keep, self._start)
            if part.ended not in ("", INTERRUPTED):
                self.lost = self.lost or part.ended
            return part
        finally:
            self._ready.abort()  # where it never got there, the others need not wait

    def abandon(self) -> None:
        """Kill the engines that still run."""
        self._abandoned = True
        self._ready.abort()

    def _set_mark(self) -> None:
        self._mark = engine.soon()

    def _start(self) -> int:
        """Return the common mark when all engines are ready; 0 where one of them will not be."""
        with suppress(threading.BrokenBarrierError):
            self._ready.wait()
            return self._mark
        return 0

    def _stop(self) -> bool:
        if self._abandoned:
            raise _Abandoned
        with self._lock:
            return bool(self.lost) or self._interrupted()

    def progress(self, place: int, progress: Progress) -> None:
        """Report the progress of all engines together, as far as each has reported it."""
        with self._lock:
            self._progress[place] = progress
            known = self._progress.values()
            self._listener.progress(
                Progress(
                    elapsed=max(each.elapsed for each in known),
                    open=sum(each.open for each in known),
                    tokens=sum(each.tokens for each in known),
                    ended=sum(each.ended for each in known),
                    failed=sum(each.failed for each in known),
                )
            )

    def ended(self, streams: Sequence[Stream], of: Callable[[], RecordingInfo]) -> None:
        """Report streams that have ended."""
        with self._lock:
            self._listener.ended(streams, of)


class _OfEngine(Listener):
    """Hears one engine of a group."""

    def __init__(self, group: _Group, place: int) -> None:
        self._group, self._place = group, place

    def progress(self, progress: Progress) -> None:
        self._group.progress(self._place, progress)

    def ended(self, streams: Sequence[Stream], of: Callable[[], RecordingInfo]) -> None:
        self._group.ended(streams, of)
