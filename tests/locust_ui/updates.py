"""Updates of workers as the coordinator adds them, from times in milliseconds."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from loadgen.distributed.coordinator import Assignment
from loadgen.distributed.messages import Update
from loadgen.lab.spool import Rows
from loadgen.model import Cell, Outcome, RecordingInfo, Sample, Stream, Usage

MS = 1_000_000
START, WALL = 1_000_000 * MS, 1_700_000_000_000 * MS  # of the stream, and of the wall clock at mark 0


def stream(
    ttft: float = 100.0,
    gap: float = 10.0,
    tokens: int = 1,
    *,
    outcome: Outcome = Outcome.OK,
    late: float = 0.0,
    lag: float | None = None,
    sent: float | None = None,
) -> Stream:
    """Return a stream of so many tokens; ``lag`` needs a server that writes its times, ``sent`` the kernel."""
    arrivals = [START + round((ttft + n * gap) * MS) for n in range(tokens)]
    end = arrivals[-1] + MS
    return Stream(
        slot=0,
        due=START - round(late * MS),
        start=START,
        headers=START + MS,
        end=end,
        outcome=outcome,
        status=200,
        error="",
        size=tokens,
        arrivals=array("q", arrivals).tobytes(),
        counts=array("H", [1] * tokens).tobytes(),
        stamps=b"" if lag is None else array("i", [round(n * gap * 1000) for n in range(tokens)]).tobytes(),
        first_stamp_ns=None if lag is None else WALL + arrivals[0] - round(lag * MS),
        usage=Usage(),
        sent=None if sent is None else START + round(sent * MS),
    )


def update(
    cell: Cell, streams: Sequence[Stream] = (), samples: Sequence[Sample] = (), **changes: Any
) -> Update:
    """Return an update of an engine that runs ``cell`` with ten streams."""
    recording = RecordingInfo(
        index=cell.index, client=cell.client, mode="tasks", level=cell.level, repeat=cell.repeat,
        workload=replace(cell.workload, prompts=()), ended="", start=1, window=(1, 2),
        clock=((0, WALL), (10 * START, WALL + 10 * START)), same_host=True, simulated=True,
    )  # fmt: skip
    usual: dict[str, Any] = {
        "job": 1, "cell": cell.index, "recording": recording, "rows": Rows(list(streams), list(samples), [], []),
        "requested": 10, "most_requested": 10, "open": 10, "tokens": 0, "done": False,
    }  # fmt: skip
    return Update(**usual | changes)


def sample(at_s: float, *, cpu_s: float = 0.0, rss_mib: float = 50.0, threads: int = 3) -> Sample:
    """Return a sample of an engine process."""
    return Sample(
        at=round(at_s * 1e9), cpu_ns=round(cpu_s * 1e9), rss_kib=round(rss_mib * 1024), threads=threads
    )


def assignment(cell: Cell, worker: str = "", node: str = "local") -> Assignment:
    """Return the assignment of a worker, before its first update."""
    return Assignment(worker, node, cell.index, None)
