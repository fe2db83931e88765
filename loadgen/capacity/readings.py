"""Compare one cell with a budget, and decide whether the client is responsible for the result.

Lag is taken over the tokens that the server sent within the measured window, on any stream: while streams start and
while the last ones end, fewer are open than requested. Errors are taken over all streams.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np

from loadgen.analysis import backlog, machine
from loadgen.analysis.delivery_lag import MIN_EXPLAINED, by_cause
from loadgen.analysis.limits import DELAY_MS
from loadgen.analysis.measures import Ints, Measured
from loadgen.analysis.percentiles import percentiles
from loadgen.analysis.repeats import Repeat
from loadgen.analysis.validity import LIVE_SUSPECT, gone_streams
from loadgen.model import Cause, ClientId, Level, Limit

SERVER_FULL: Final = 0.97  # share of the simulator's core from which on it is the limit
TAKEN: Final = 0.10  # share of the engine's cores from which on what others took is an obstacle
OVERLOAD: Final = 3.0  # times what is allowed: of a cell in which more arrive than end, or streams do not end
MAX_LATE: Final = 0.01  # share of the arrivals of an open load that may start late, or never
FAR: Final = 10.0  # times the budget: a saturated client this far over it is responsible itself,
MAX_TAKEN: Final = 0.2  # unless others took more than this share of its core

Kind = Literal[
    "ended",
    "missing",
    "late",
    "other_processes",
    "hypervisor",
    "listen_queue",
    "stopped",
    "throttled",
    "unexplained",
    "gone",
]
Verdict = Literal["within", "over", "simulator", "machine", "unmeasured"]
Bound = str
"""What a cell is compared with: ``lag_p99``, ``errors``, ``ttft`` of a budget, or the metric of an objective;
``concurrency``: the requested streams must be open at once; ``rate``: they must start when they are due;
``overload``: no more may arrive than end; ``unfinished``: streams must end.
"""


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
    ``stopped``, ``throttled``: the engine was, for ``share`` of the time. ``unexplained``: of the lag, nothing shows
    for ``share`` that the client or the machine is why. ``gone``: the target died.
    """

    kind: Kind
    text: str = ""
    bound: Bound | None = None
    late_p99_ms: float | None = None
    core: ServerCore | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One cell, compared with the budget.

    ``use`` is the largest share of any bound that the cell used, above 1 when the bound is broken; ``bound`` names it.
    Verdicts ``within`` and ``over`` count; with other verdicts, ``obstacle`` is the reason. With objectives,
    ``limited_by`` says whose limit it is to be over, ``figures`` are by column of ``summary.csv``, ``server_figures``
    the one that decided it, without what the client added.
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
    limited_by: Limit | None = None
    figures: Mapping[str, float | None] = field(default_factory=dict)
    server_figures: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Return whether the cell is about what is searched for, and not about an obstacle."""
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
    base, uses, known = begun(repeat, cut)
    if base.obstacle:
        return base
    lag, ttft, cpu = base.lag_p99_ms, base.ttft_p50_ms, base.cpu_share
    late = known.get("simulator_late_p99_ms", 0.0)
    taken = (known.get("others_percent", 0.0) + known.get("steal_percent", 0.0)) / 100
    slower = ttft / ttft_one_ms if ttft and ttft_one_ms else None
    limits: tuple[tuple[Bound, float | None, float | None], ...] = (
        ("lag_p99", budget.lag_p99_ms, lag),
        ("errors", budget.errors, base.errors),
        ("ttft", budget.ttft, slower),
    )
    for name, limit, value in limits:
        if limit is None:
            continue
        if value is None:
            return replace(base, obstacle=Obstacle(kind="missing", bound=name))
        uses.append((value / limit if limit else math.inf if value else 0.0, name))
    use, bound = max(uses)
    base = replace(base, use=use, bound=bound)
    sent_late = replace(
        base,
        verdict="machine" if core is not None and core.others > TAKEN else "simulator",
        obstacle=Obstacle(kind="late", late_p99_ms=late, core=core),
    )
    # A late server sends in bursts, which are harder for the client: within stays within, up to a point.
    if late > machine.SIMULATOR_LATE_MS:
        return sent_late
    if use <= 1:
        return replace(base, verdict="within")
    if halt := machine.halted(known):
        return replace(base, verdict="machine", obstacle=Obstacle(kind=halt.how, share=halt.high))
    saturated = cpu is not None and taken <= MAX_TAKEN and 100 * cpu > machine.BUSY_PERCENT * (1 - taken)
    if use >= FAR and saturated:
        return replace(base, verdict="over")
    disturbed = next(disturbances(repeat), None)
    if disturbed:
        return replace(base, verdict="machine", obstacle=disturbed)
    behind = late > DELAY_MS and (lag is None or lag - late <= (budget.lag_p99_ms or 0.0))
    full = core is not None and core.busy > SERVER_FULL and not saturated
    if behind or full:
        return sent_late
    unexplained = by_cause([repeat], first=False).get(Cause.UNEXPLAINED, 0.0) if bound == "lag_p99" else 0.0
    if unexplained > MIN_EXPLAINED and not saturated:
        return replace(base, obstacle=Obstacle(kind="unexplained", share=unexplained))
    return replace(base, verdict="over")


def begun(repeat: Repeat, cut: bool) -> tuple[Reading, list[tuple[float, Bound]], dict[str, float]]:
    """Return the reading of a cell before it is compared, how far it missed its level, and what the machine did.

    The reading has an obstacle where there is nothing to compare.
    """
    recording, known = repeat.recording, machine.values(repeat.parts)
    streams = sum(len(m.outcome) for m in repeat.parts)
    base = Reading(
        client=recording.client,
        level=recording.level,
        cell=recording.index,
        verdict="unmeasured",
        use=None,
        lag_p99_ms=_lag_p99_ms(repeat),
        errors=sum(int(m.failed.sum()) for m in repeat.parts) / streams if streams else None,
        ttft_p50_ms=ttft_p50_ms(repeat),
        live_peak=repeat.live_peak,
        cpu_share=known.get("cpu_share"),
    )
    ended = next((m.recording.ended for m in repeat.parts if m.recording.ended), "")
    if ended and not cut:
        base = replace(base, obstacle=Obstacle(kind="ended", text=ended))
    elif gone_streams(repeat.parts):
        base = replace(base, obstacle=Obstacle(kind="gone"))
    return base, list(_missed(repeat, base)), known


def _missed(repeat: Repeat, base: Reading) -> Iterator[tuple[float, Bound]]:
    """Yield how far the cell is from its level, as a multiple of what is allowed, where it did not reach it."""
    requested = base.level.streams
    if requested is None:
        due, late = (sum(of) for of in zip(*(_late(m, base.ttft_p50_ms) for m in repeat.parts), strict=True))
        if late > MAX_LATE * due:
            yield late / (MAX_LATE * due), "rate"
        overload = any((of := m.recording.stopped) and of.why == "overload" for m in repeat.parts)
        if overload or (backlog.growth(repeat) or 0.0) > 0:
            yield OVERLOAD, "overload"
        return
    servers = (m.recording.server for m in repeat.parts)
    least = min([base.live_peak or 0, *(server.open_peak for server in servers if server)])
    if least < math.ceil(LIVE_SUSPECT * requested):
        yield requested / max(least, 1), "concurrency"


def _late(m: Measured, ttft_ms: float | None) -> tuple[int, int]:
    """Return how many arrivals were due in the window, and how many of them started late, or never."""
    allowed_ms = max(machine.START_LATE_MS, machine.START_LATE_SHARE * (ttft_ms or 0.0))
    delay = (m.streams.start - m.streams.due)[m.after_warmup]
    never = m.recording.not_started
    return len(delay) + never, int((delay > allowed_ms * 1e6).sum()) + never


def ttft_p50_ms(repeat: Repeat) -> float | None:
    """Return the median TTFT of the streams that did not fail; one without a token waited at least until its end."""
    waits = [np.where(m.ttft >= 0, m.ttft, m.total)[m.after_warmup & ~m.failed] for m in repeat.parts]
    return percentiles(np.concatenate(waits), [50])[50]


def _lag_p99_ms(repeat: Repeat) -> float | None:
    found: list[Ints] = []
    for m in repeat.parts:
        lags = m.lags(np.ones(len(m.outcome), dtype=np.bool_))
        if lags is None:
            continue
        stamped = np.isin(np.arange(len(m.outcome)), lags.owner)
        rows = m.text_reads[np.repeat(stamped, np.diff(m.text_offsets))]
        arrivals = m.recording.arrivals
        sent = np.repeat(arrivals.at[rows], arrivals.count[rows]) - lags.values
        begin, end = m.recording.window
        found.append(lags.values[(sent >= begin) & (sent < end)])
    return percentiles(np.concatenate(found), [99])[99] if found else None


def disturbances(repeat: Repeat) -> Iterator[Obstacle]:
    """Yield what the machine did to the engine beyond what is harmless."""
    columns: dict[Kind, str] = {"other_processes": "others_percent", "hypervisor": "steal_percent"}
    for m in repeat.parts:
        known = machine.values([m])
        for kind, column in columns.items():
            if (taken := known.get(column, 0.0) / 100) > TAKEN:
                yield Obstacle(kind=kind, share=taken)
        own = m.recording.machine
        if own is not None and (own.listen_overflows or own.listen_drops):
            yield Obstacle(kind="listen_queue")
