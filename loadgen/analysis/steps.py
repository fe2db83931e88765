"""What one cell says of a client's limit: its figures against a budget, and whether the client is to answer for it.

Of the tokens count those that the server sent within the measured window, on any stream: while streams start, and
while the last ones end, there are fewer than asked for. Of the errors count all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from loadgen.analysis.measures import Ints, Measured
from loadgen.analysis.percentiles import percentiles
from loadgen.analysis.repeats import Repeat
from loadgen.analysis.validity import (
    LIVE_SUSPECT,
    OTHERS_SUSPECT,
    SATURATED,
    SERVER_LATE_INVALID_MS,
    SERVER_LATE_SUSPECT_MS,
    STEAL_SUSPECT,
)

SERVER_FULL = 0.97  # share of the simulator's core
FAR = 10.0  # times the budget; a client that is as far over it with its core used up
TAKEN_MOST = 0.2  # cannot blame whoever took no more of the core than this

Verdict = Literal["within", "over", "server", "machine", "unmeasured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a client may do to its streams; ``None`` is not asked.

    ``ttft`` is how many times the median TTFT at one stream the median may be, ``errors`` a share of streams.
    """

    lag_p99_ms: float | None
    errors: float | None
    ttft: float | None

    def __str__(self) -> str:
        told = (
            (self.lag_p99_ms, f"lag p99 at most {self.lag_p99_ms or 0:g} ms"),
            (self.errors, f"errors at most {(self.errors or 0) * 100:g} %"),
            (self.ttft, f"TTFT p50 at most {self.ttft or 0:g} times that of one stream"),
        )
        return ", ".join(text for limit, text in told if limit is not None)


@dataclass(frozen=True, slots=True)
class ServerCore:
    """What the simulator's core did in the window, as shares: in use in all, and by others than simulator and lab."""

    busy: float
    others: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One cell of a client at ``streams`` streams.

    ``use`` is the largest share of any budget that it took, over 1 when it is broken; ``by`` names that budget.
    ``within`` and ``over`` count for the client; the other verdicts say who stood in the way, ``reason`` how.
    """

    client: str
    streams: int
    verdict: Verdict
    use: float | None
    by: str = ""
    reason: str = ""
    cell: int = 0
    lag_p99_ms: float | None = None
    errors: float | None = None
    ttft_p50_ms: float | None = None
    live_peak: int | None = None
    cpu_share: float | None = None  # of the engine's cores

    @property
    def counts(self) -> bool:
        """Whether it tells of the client, and not of who stood in its way."""
        return self.verdict in ("within", "over")


def read(
    repeat: Repeat,
    budget: Budget,
    *,
    ttft_one_ms: float | None = None,
    core: ServerCore | None = None,
    cut: bool = False,
) -> Reading:
    """The reading of one cell.

    ``ttft_one_ms`` is the median TTFT at one stream, ``core`` what the simulator's did where it is known, and ``cut``
    tells that the cell was ended because its streams went on too long after its window.
    """
    recording = repeat.recording
    lag = _lag_p99_ms(repeat)
    ttft = ttft_p50_ms(repeat)
    streams = sum(len(m.outcome) for m in repeat.parts)
    errors = sum(int(m.failed.sum()) for m in repeat.parts) / streams if streams else None
    live = repeat.live_peak
    cpu, taken = _cpu(repeat)
    ended = "" if cut else next((m.recording.ended for m in repeat.parts if m.recording.ended), "")

    def made(verdict: Verdict, reason: str = "", use: float | None = None, by: str = "") -> Reading:
        return Reading(
            client=recording.client.label, streams=recording.level.streams or 0, cell=recording.index,
            verdict=verdict, reason=reason, use=use, by=by,
            lag_p99_ms=lag, errors=errors, ttft_p50_ms=ttft, live_peak=live, cpu_share=cpu,
        )  # fmt: skip

    if ended:
        return made("unmeasured", ended)
    uses: list[tuple[float, str]] = []
    for name, limit, value, lacks in (
        (
            "lag p99",
            budget.lag_p99_ms,
            lag,
            "too few tokens with a send time of the server on this host's clock",
        ),
        ("errors", budget.errors, errors, "no stream has ended"),
        ("TTFT", budget.ttft, ttft / ttft_one_ms if ttft and ttft_one_ms else None, "no stream has a TTFT"),
    ):
        if limit is None:
            continue
        if value is None:
            return made("unmeasured", f"{name}: {lacks}")
        uses.append((value / limit if limit else math.inf if value else 0.0, name))
    uses += _reached(repeat, live)
    use, by = max(uses)
    server = next((m.recording.server for m in repeat.parts if m.recording.server), None)
    late = (server.late_p99_ms if server else None) or 0.0
    # A burst of late tokens is harder for the client than what was asked: within stays within, up to a point.
    blamed = _blamed(late, core)
    if late > SERVER_LATE_INVALID_MS:
        return made(*blamed, use, by)
    if use <= 1:
        return made("within", "", use, by)
    saturated = cpu is not None and taken <= TAKEN_MOST and cpu > SATURATED * (1 - taken)
    if use < FAR or not saturated:
        short = _short(repeat)
        if short:
            return made("machine", short, use, by)
        behind = late > SERVER_LATE_SUSPECT_MS and (lag is None or lag - late <= (budget.lag_p99_ms or 0.0))
        full = core is not None and core.busy > SERVER_FULL and not saturated
        if behind or full:
            return made(*blamed, use, by)
    return made("over", "", use, by)


def _blamed(late: float, core: ServerCore | None) -> tuple[Verdict, str]:
    """Who is to blame for a simulator that was late or had no core left."""
    told = f"the simulator sent late, p99 {late:.1f} ms"
    if core is None:
        return "server", told
    if core.others > OTHERS_SUSPECT:
        return "machine", f"{told}: others took {core.others:.0%} of its core"
    return "server", f"{told}, and its core was {core.busy:.0%} in use"


def ttft_p50_ms(repeat: Repeat) -> float | None:
    """The median TTFT of the counted streams that did not fail; one without a token waited until its end at least."""
    waits: list[Ints] = []
    for m in repeat.parts:
        wait = np.where(m.ttft >= 0, m.ttft, m.column("end") - m.column("start"))
        waits.append(wait[m.after_warmup & ~m.failed])
    return percentiles(np.concatenate(waits), [50])[50]


def _lag_p99_ms(repeat: Repeat) -> float | None:
    found = [_window_lags(m) for m in repeat.parts if m.recording.same_host]
    return percentiles(np.concatenate(found), [99])[99] if found else None


def _window_lags(m: Measured) -> Ints:
    lags = m.lags(np.ones(len(m.outcome), dtype=np.bool_))
    if lags is None:
        return np.zeros(0, dtype=np.int64)
    stamped = m.column("stamped")
    usable = (stamped > 0) & (stamped == m.column("text_events"))
    rows = m.text_reads[np.repeat(usable, np.diff(m.text_offsets))]
    arrivals = m.recording.arrivals
    sent = np.repeat(arrivals["at"][rows], arrivals["count"][rows]) - lags.values
    begin, end = m.recording.window
    inside: Ints = lags.values[(sent >= begin) & (sent < end)]
    return inside


def _reached(repeat: Repeat, live: int | None) -> Iterable[tuple[float, str]]:
    """Just within budget as long as so many streams were open as can be called the number asked for."""
    asked = repeat.recording.level.streams or 0
    servers = (m.recording.server for m in repeat.parts)
    seen = [live or 0, *(server.open_peak for server in servers if server)]
    least = min(seen)
    if least < math.ceil(LIVE_SUSPECT * asked):
        yield asked / max(least, 1), "concurrency"


def _cpu(repeat: Repeat) -> tuple[float | None, float]:
    """The engine's share of its cores, and what others and the hypervisor took there."""
    used = capacity = taken = 0
    for m in repeat.parts:
        edges, machine = m.recording.edges, m.recording.machine
        if machine is None or len(edges) < 2 or edges[0].cpu_ns is None or edges[-1].cpu_ns is None:
            return None, 0.0
        used += edges[-1].cpu_ns - edges[0].cpu_ns
        capacity += machine.window_ns * (machine.engine_cores or 1)
        taken += (machine.others_ns or 0) + (machine.steal_ns or 0)
    return (used / capacity, taken / capacity) if capacity else (None, 0.0)


def _short(repeat: Repeat) -> str:
    """How the machine was short of CPU, or turned connects away; "" where it was not."""
    for m in repeat.parts:
        machine = m.recording.machine
        if machine is None:
            continue
        capacity = max(1, machine.window_ns * (machine.engine_cores or 1))
        for taken, limit, who in (
            (machine.others_ns, OTHERS_SUSPECT, "other processes"),
            (machine.steal_ns, STEAL_SUSPECT, "the hypervisor"),
        ):
            if taken is not None and taken > limit * capacity:
                return f"{who} took {taken / capacity:.0%} of the engine's core"
        if machine.listen_overflows or machine.listen_drops:
            return "the listen queue overflowed"
    return ""
