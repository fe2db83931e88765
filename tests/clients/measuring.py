"""Cells through real engines, several at once, and their streams as rows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from loadgen.clients import BUILTIN, info, version
from loadgen.lab import engine
from loadgen.model import Cell, ClientId, Listener, Outcome, Recording

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


def record_all(cells: Sequence[Cell]) -> list[Recording]:
    """Return a recording for each cell. They run side by side."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(record, cells))


def rows(recording: Recording) -> list[Row]:
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
