"""Cells through real engines, several at once, and their streams as rows."""

from __future__ import annotations

import atexit
import itertools
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from loadgen import store
from loadgen.clients import BUILTIN, info, version
from loadgen.engine.pipe import Done, Reader, Streams
from loadgen.lab import engine
from loadgen.model import ArrivalTable, Cell, ClientId, Listener, Outcome, Recording, Stream, StreamTable
from tests.clients.many import Job

VARIANTS = (
    ClientId("requests", {"session": "shared"}),
    ClientId("httpx-sync", {"session": "per-thread"}),
    ClientId("aiohttp", {"loop": "uvloop"}),
)
# All that are installed (niquests does not live beside requests) and speak Ollama's protocol.
CLIENTS = (
    *(
        ClientId(name)
        for name in BUILTIN
        if version(name) is not None and "ollama-generate" in (info(name).protocols or ["ollama-generate"])
    ),
    *VARIANTS,
)

AT_ONCE = 9  # engines, which wait for most of their time


def share(part: int, parts: int) -> list[ClientId]:
    """Return one part of the clients, so that several workers can share the tests of all."""
    return [*CLIENTS[part::parts]]


class Row(NamedTuple):
    """One stream. ``arrivals`` are nanoseconds after its start."""

    slot: int
    outcome: Outcome
    status: int
    error: str
    tokens: int
    arrivals: Sequence[int]
    counts: Sequence[int]
    table: Mapping[str, Any]


def record(cell: Cell) -> Recording:
    recording = engine.record(cell, Listener(), lambda: False)
    assert recording.ended == "", recording.ended
    return recording


def record_each(cells: Sequence[Cell]) -> list[Recording]:
    """Return a recording for each cell, of an engine of its own. They run side by side."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(record, cells))


class Recorded(NamedTuple):
    """What is looked at of a recording whose engine was not sampled."""

    streams: StreamTable
    arrivals: ArrivalTable


class Host:
    """A process that runs cells of one client, one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.clients.many"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            bufsize=0,
        )
        self._reader = Reader()
        atexit.register(self.close)

    def run(self, cell: Cell) -> list[Stream]:
        """Return the streams of a cell."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(Job({**os.environ}, cell)) + b"\n")
        found: list[Stream] = []
        while data := self._process.stdout.read(1 << 16):
            for frame in self._reader.feed(data):
                if isinstance(frame, Streams):
                    found += frame.streams
                elif isinstance(frame, Done):
                    return found
        raise AssertionError(f"{cell.client.label} ended its process")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


# A library held to HTTP/1.1 cannot speak another version later.
_hosts: defaultdict[tuple[str, str], Host] = defaultdict(Host)


def streams_of(cells: Sequence[Cell]) -> list[list[Stream]]:
    """Return the streams of each cell. Those of one client share a process, which stays for later ones.

    To start an engine for each would take most of the time of these tests.
    """
    jobs: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, cell in enumerate(cells):
        jobs[cell.client.label, cell.workload.http].append(place)
    found: list[list[Stream]] = [[] for _ in cells]

    def run(key: tuple[str, str]) -> None:
        for place in jobs[key]:
            found[place] = _hosts[key].run(cells[place])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run, jobs))
    return found


def record_all(cells: Sequence[Cell]) -> list[Recorded]:
    """Return what each cell recorded, without an engine of its own for it."""
    tables = map(store.tables_of, streams_of(cells))
    return [Recorded(table["streams"], table["arrivals"]) for table in tables]


def rows(recording: Recording | Recorded) -> list[Row]:
    table = recording.streams
    edges = np.concatenate([[0], np.cumsum(table.reads)]).tolist()
    found = []
    for place, (begin, end) in enumerate(itertools.pairwise(edges)):
        own = {name: column[place] for name, column in table.columns.items()}
        found.append(
            Row(
                slot=int(own["slot"]),
                outcome=Outcome(own["outcome"]),
                status=int(own["status"]),
                error=str(own["error"]),
                tokens=int(own["text_events"]),
                arrivals=(recording.arrivals.at[begin:end] - own["start"]).tolist(),
                counts=recording.arrivals.count[begin:end].tolist(),
                table=own,
            )
        )
    assert edges[-1] == len(recording.arrivals.at)
    assert sum(row.tokens for row in found) == int(recording.arrivals.count.sum())
    return found


def peak_kib(recording: Recording) -> int:
    """Peak memory above the baseline; 0 where it ended before it was sampled."""
    assert recording.base_rss_kib is not None
    return int(recording.samples.peak_rss_kib.max(initial=recording.base_rss_kib)) - recording.base_rss_kib
