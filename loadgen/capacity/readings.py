"""Compare one cell with a budget, and decide whether the client is responsible for the result.

Lag is taken over the tokens that the server sent within the measured window, on any stream: while streams start and
while the last ones end, fewer are open than requested. Errors are taken over all streams.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from loadgen.analysis.limits import BUSY_PERCENT, DELAY_MS
from loadgen.analysis.measures import Ints, Measured
from loadgen.analysis.percentiles import percentiles
from loadgen.analysis.repeats import Repeat
from loadgen.analysis.validity import LIVE_SUSPECT, SERVER_LATE_INVALID_MS
from loadgen.model import ClientId, Level

SERVER_FULL: Final = 0.97  # share of the simulator's core from which on it is the limit
TAKEN: Final = 0.10  # share of the engine's cores from which on what others took is an obstacle
FAR: Final = 10.0  # times the budget: a saturated client this far over it is responsible itself,
MAX_TAKEN: Final = 0.2  # unless others took more than this share of its core

Verdict = Literal["within", "over", "server", "machine", "unmeasured"]
Bound = Literal["lag_p99", "errors", "ttft", "concurrency"]
"""What a cell is compared with: the three budgets, and that the requested streams were open at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a client may do to its streams; ``None``: no such budget.

    ``ttft`` is a multiple of the median TTFT at one stream, ``errors`` a share of the streams.
    """

    lag_p99_ms: float | None
    errors: float | None
    ttft: float | None


@dataclass(frozen=True, slots=True)
class ServerCore:
    """Shares of the simulator's core in the window: in use in all, and by others than the simulator and the lab."""

    busy: float
    others: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a cell is not about the client.

    ``ended``: the cell broke off, ``text`` says why. ``missing``: ``bound`` could not be measured. ``late``: the
    simulator sent late, its p99 is ``late_p99_ms``; ``core`` is ``None`` where it was not observed.
    ``other_processes`` and ``hypervisor`` took ``share`` of the engine's core. ``listen_queue``: it overflowed.
    """

    kind: Literal["ended", "missing", "late", "other_processes", "hypervisor", "listen_queue"]
    text: str = ""
    bound: Bound | None = None
    late_p99_ms: float | None = None
    core: ServerCore | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One cell, compared with the budget.

    ``use`` is the largest share of any bound that the cell used, above 1 when the bound is broken; ``bound`` names it.
    Verdicts ``within`` and ``over`` are about the client; with other verdicts, ``obstacle`` is the reason.
    """

    client: ClientId
    level: Level
    verdict: Verdict
    use: float | None
    bound: Bound | None = None
    obstacle: Obstacle | None = None
    cell: int = 0
    lag_p99_ms: float | None = None
    errors: float | None = None
    ttft_p50_ms: float | None = None
    live_peak: int | None = None
    cpu_share: float | None = None  # of the engine's cores

    @property
    def streams(self) -> int:
        """Return the number of streams that were requested."""
        return self.level.streams or 0

    @property
    def counts(self) -> bool:
        """Return whether the cell is about the client, and not about an obstacle."""
        return self.verdict in ("within", "over")


def read(
    repeat: Repeat,
    budget: Budget,
    *,
    ttft_one_ms: float | None = None,
    core: ServerCore | None = None,
    cut: bool = False,
) -> Reading:
    """Return the reading of one cell.

    ``ttft_one_ms`` is the median TTFT at one stream; ``core`` is the simulator's, where it was observed; ``cut`` says
    that the cell was ended because its streams went on for too long after its window.
    """
    recording = repeat.recording
    lag, ttft, live = _lag_p99_ms(repeat), ttft_p50_ms(repeat), repeat.live_peak
    streams = sum(len(m.outcome) for m in repeat.parts)
    errors = sum(int(m.failed.sum()) for m in repeat.parts) / streams if streams else None
    cpu, taken = _cpu(repeat)

    base = Reading(
        client=recording.client, level=recording.level, cell=recording.index, verdict="unmeasured", use=None,
        lag_p99_ms=lag, errors=errors, ttft_p50_ms=ttft, live_peak=live, cpu_share=cpu,
    )  # fmt: skip
    ended = "" if cut else next((m.recording.ended for m in repeat.parts if m.recording.ended), "")
    if ended:
        return replace(base, obstacle=Obstacle(kind="ended", text=ended))
    uses: list[tuple[float, Bound]] = []
    slower = ttft / ttft_one_ms if ttft and ttft_one_ms else None
    limits: tuple[tuple[Bound, float | None, float | None], ...] = (
        ("lag_p99", budget.lag_p99_ms, lag),
        ("errors", budget.errors, errors),
        ("ttft", budget.ttft, slower),
    )
    for name, limit, value in limits:
        if limit is not None and value is None:
            return replace(base, obstacle=Obstacle(kind="missing", bound=name))
        if limit is not None and value is not None:
            uses.append((value / limit if limit else math.inf if value else 0.0, name))
    uses += _not_reached(repeat, live)
    use, bound = max(uses)
    base = replace(base, use=use, bound=bound)
    server = next((m.recording.server for m in repeat.parts if m.recording.server), None)
    late = (server.late_p99_ms if server else None) or 0.0
    responsible: Verdict = "machine" if core is not None and core.others > TAKEN else "server"
    sent_late = Obstacle(kind="late", late_p99_ms=late, core=core)
    # A late server sends in bursts, which are harder for the client: within stays within, up to a point.
    if late > SERVER_LATE_INVALID_MS:
        return replace(base, verdict=responsible, obstacle=sent_late)
    if use <= 1:
        return replace(base, verdict="within")
    saturated = cpu is not None and taken <= MAX_TAKEN and 100 * cpu > BUSY_PERCENT * (1 - taken)
    if use < FAR or not saturated:
        disturbed = next(_disturbances(repeat), None)
        if disturbed:
            return replace(base, verdict="machine", obstacle=disturbed)
        behind = late > DELAY_MS and (lag is None or lag - late <= (budget.lag_p99_ms or 0.0))
        full = core is not None and core.busy > SERVER_FULL and not saturated
        if behind or full:
            return replace(base, verdict=responsible, obstacle=sent_late)
    return replace(base, verdict="over")


def ttft_p50_ms(repeat: Repeat) -> float | None:
    """Return the median TTFT of the streams that did not fail; one without a token waited at least until its end."""
    waits: list[Ints] = []
    for m in repeat.parts:
        wait = np.where(m.ttft >= 0, m.ttft, m.streams.end - m.streams.start)
        waits.append(wait[m.after_warmup & ~m.failed])
    return percentiles(np.concatenate(waits), [50])[50]


def _lag_p99_ms(repeat: Repeat) -> float | None:
    found = [_window_lags(m) for m in repeat.parts if m.recording.same_host]
    return percentiles(np.concatenate(found), [99])[99] if found else None


def _window_lags(m: Measured) -> Ints:
    lags = m.lags(np.ones(len(m.outcome), dtype=np.bool_))
    if lags is None:
        return np.zeros(0, dtype=np.int64)
    stamped = m.streams.stamped
    usable = (stamped > 0) & (stamped == m.streams.text_events)
    rows = m.text_reads[np.repeat(usable, np.diff(m.text_offsets))]
    arrivals = m.recording.arrivals
    sent = np.repeat(arrivals.at[rows], arrivals.count[rows]) - lags.values
    begin, end = m.recording.window
    inside: Ints = lags.values[(sent >= begin) & (sent < end)]
    return inside


def _not_reached(repeat: Repeat, live: int | None) -> Iterator[tuple[float, Bound]]:
    """Yield the bound that breaks when fewer streams were open at once than were requested."""
    requested = repeat.recording.level.streams or 0
    servers = (m.recording.server for m in repeat.parts)
    least = min([live or 0, *(server.open_peak for server in servers if server)])
    if least < math.ceil(LIVE_SUSPECT * requested):
        yield requested / max(least, 1), "concurrency"


def _cpu(repeat: Repeat) -> tuple[float | None, float]:
    """Return the engine's share of its cores, and the share that others and the hypervisor took there."""
    used = capacity = taken = 0
    for m in repeat.parts:
        edges, machine = m.recording.edges, m.recording.machine
        if machine is None or len(edges) < 2 or edges[0].cpu_ns is None or edges[-1].cpu_ns is None:
            return None, 0.0
        used += edges[-1].cpu_ns - edges[0].cpu_ns
        capacity += machine.window_ns * (machine.engine_cores or 1)
        taken += (machine.others_ns or 0) + (machine.steal_ns or 0)
    return (used / capacity, taken / capacity) if capacity else (None, 0.0)


def _disturbances(repeat: Repeat) -> Iterator[Obstacle]:
    for machine in (m.recording.machine for m in repeat.parts if m.recording.machine):
        capacity = machine.window_ns * (machine.engine_cores or 1)
        if (machine.others_ns or 0) > TAKEN * capacity > 0:
            yield Obstacle(kind="other_processes", share=(machine.others_ns or 0) / capacity)
        if (machine.steal_ns or 0) > TAKEN * capacity > 0:
            yield Obstacle(kind="hypervisor", share=(machine.steal_ns or 0) / capacity)
        if machine.listen_overflows or machine.listen_drops:
            yield Obstacle(kind="listen_queue")
