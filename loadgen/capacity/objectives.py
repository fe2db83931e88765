"""Compare one cell with the objectives of a server, and decide whose limit it is that they do not hold.

An objective that does not hold is the client's doing where it would hold without what the client added: send delay and
delivery lag are taken away (:mod:`loadgen.analysis.server_side`). It is the simulator's where it would hold had that
not sent late. Otherwise it is the server's: a server that queues, the simulator as well, is what is searched for. Where
the server's stamps do not tell, and for figures that are no latencies, what the client itself shows decides:
:mod:`loadgen.analysis.limits`, or a loop that was busy for 90 % of the time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from loadgen.analysis import limits, machine
from loadgen.analysis.delivery_lag import CLIENTS, MIN_EXPLAINED, NOBODYS, by_cause
from loadgen.analysis.metrics import PerStream, Repeats, column
from loadgen.analysis.percentiles import NEEDED
from loadgen.analysis.repeats import Repeat
from loadgen.analysis.server_side import server_side
from loadgen.analysis.thresholds import OPERATORS
from loadgen.capacity.readings import (
    MAX_LATE,
    OVERLOAD,
    SERVER_FULL,
    TAKEN,
    Obstacle,
    Reading,
    ServerCore,
    begun,
    disturbances,
)
from loadgen.model import PAUSES, Cause, ClientId, Limit, Slo, Threshold

GOOD: Final = "good_percent"
GOOD_PERCENT: Final = 95.0  # of the streams, where nothing else is asked for
FIGURES: Final = (
    "tokens_per_s",
    "tokens_per_event",
    "goodput_per_s",
    "served_peak",
    "queue_p50_ms",
    "ttft_p50_ms",
)  # kept of every cell
SHOWN: Final = (  # by these, and what the machine did, a cell shows whose limit it is
    "cpu_busiest_second_percent", "cpu_percent", "start_delay_p50_ms", "start_delay_p99_ms",
    "to_wire_p50_ms", "to_wire_p99_ms", "ttft_p50_ms", "ttft_p90_ms", "ttft_p95_ms", "ttft_p99_ms",
)  # fmt: skip
LOOP_FULL: Final = 0.9  # share of the time with streams open in which an event loop had no time to wait


@dataclass(frozen=True, slots=True)
class ServerObjectives:
    """What must hold at a level: thresholds without a level. ``slo`` says which streams are good."""

    thresholds: Sequence[Threshold]
    slo: Slo = field(default_factory=Slo)

    def of(self, client: ClientId) -> list[Threshold]:
        """Return those that are about this client."""
        return [each for each in self.thresholds if each.client in (None, client.label, client.name)]

    @property
    def streams(self) -> int:
        """Return the fewest streams in which the percentiles of a cell exist."""
        return max(NEEDED[_rank(each)] for each in self.thresholds)

    @property
    def longest_s(self) -> float:
        """Return the longest time that an objective allows, in seconds."""
        asked = [each.value for each in self.thresholds if unit(each) == "ms"]
        return max([*asked, *self.slo.limits.values()], default=0.0) / 1000


def _rank(of: Threshold) -> int:
    """Return the percentile of the streams that the objective is about; a share of them is taken as a p95."""
    of_streams = of.metric != "errors" and isinstance(column(of.metric).metric.formula, PerStream)
    return (column(of.metric).rank if of_streams else None) or (95 if unit(of) == "%" else 50)


def read(
    repeat: Repeat, objectives: ServerObjectives, *, core: ServerCore | None = None, cut: bool = False
) -> Reading:
    """Return the reading of one cell; the arguments are those of :func:`loadgen.capacity.readings.read`."""
    base, uses, known = begun(repeat, cut)
    figures = {name: column(name).measured(Repeats((repeat,), (repeat,))) for name in FIGURES}
    asked = {each.metric: each for each in objectives.of(base.client)}
    figures |= {name: _value(each, repeat) for name, each in asked.items()}
    base = replace(base, figures=figures)
    if base.obstacle:
        return base
    found = [(used(asked[name], value), name) for name in asked if (value := figures[name]) is not None]
    uses += found
    if cut and all(use <= 1 for use, _ in uses):
        uses.append((OVERLOAD, "unfinished"))
    use, bound = max(uses, default=(0.0, None))
    missing = next((name for name in asked if figures[name] is None), None)
    if missing and use <= 1:
        return replace(base, obstacle=Obstacle(kind="missing", bound=missing))
    base = replace(base, use=use, bound=bound)
    late = Obstacle(kind="late", late_p99_ms=known.get("simulator_late_p99_ms", 0.0), core=core)
    shared = core is not None and core.others > TAKEN
    if (late.late_p99_ms or 0.0) > machine.SIMULATOR_LATE_MS:
        return replace(base, verdict="machine" if shared else "simulator", obstacle=late)
    if use <= 1:
        return replace(base, verdict="within")
    server = server_side(repeat)
    broken = max(((use, name) for use, name in found if use > 1 and _is_of_times(asked[name])), default=None)
    if server and broken and (bound == broken[1] or bound not in asked):
        of = asked[broken[1]]
        value = _value(of, server)
        base = replace(base, server_figures={of.metric: value})
        by = _by_parts(repeat, of, value, late.late_p99_ms or 0.0)
    else:
        full = core is not None and core.busy > SERVER_FULL
        by = _shown(repeat, known, Limit.SIMULATOR if full else Limit.SERVER)
    if by is Limit.SIMULATOR:
        return replace(base, verdict="machine" if shared else "simulator", obstacle=late)
    if by is Limit.SERVER:
        return replace(base, verdict="over", limited_by=by)
    if by is not Limit.CLIENT:
        obstacle = _obstacle(repeat, known)
        if obstacle:
            return replace(base, verdict="machine", obstacle=obstacle)
        if by is None:
            share = _share(repeat, bound, NOBODYS)
            return replace(base, obstacle=Obstacle(kind="unexplained", share=share))
    return replace(base, verdict="over", limited_by=Limit.CLIENT)


def holds(of: Threshold, value: float) -> bool:
    """Return whether the objective holds."""
    return bool(OPERATORS[of.op](value, of.value))


def used(of: Threshold, value: float) -> float:
    """Return the share of the objective that is in use: above 1 where it does not hold.

    Of a percentage that must be high, it is the share of what may be missing.
    """
    below, above = value, of.value
    if of.op.startswith(">"):
        below, above = (100 - value, 100 - of.value) if unit(of) == "%" else (of.value, value)
    share = below / above if above > 0 else math.inf if below > above else 0.0
    return min(share, 1.0) if holds(of, value) else max(share, math.nextafter(1.0, 2))


def unit(of: Threshold) -> str:
    """Return the unit of an objective's figure; ``errors`` are a percentage."""
    return "%" if of.metric == "errors" else column(of.metric).unit


def _is_of_times(of: Threshold) -> bool:
    """Return whether the figure follows from the times of the streams alone, however many of them there were."""
    return unit(of) == "ms" or of.metric == GOOD


def _value(of: Threshold, repeat: Repeat) -> float | None:
    if of.metric != "errors":
        return column(of.metric).measured(Repeats((repeat,), (repeat,)))
    share = column("errors_share").measured(Repeats((repeat,), (repeat,)))
    return None if share is None else 100 * share


def _by_parts(repeat: Repeat, of: Threshold, value: float | None, late_ms: float) -> Limit | None:
    """Return whose doing it is, by the ``value`` without what the client added; ``None`` where nothing shows it."""
    if value is None or not holds(of, value):
        late = unit(of) == "ms" and value is not None and holds(of, value - late_ms)
        return Limit.SIMULATOR if late else Limit.SERVER
    if _share(repeat, of.metric, CLIENTS) >= MIN_EXPLAINED:
        return Limit.CLIENT
    return None if _share(repeat, of.metric, NOBODYS) > MIN_EXPLAINED else Limit.MACHINE


def _share(repeat: Repeat, metric: str | None, of: Iterable[Cause]) -> float:
    """Return the share of these causes in the delays: of first tokens for a TTFT, otherwise of the others."""
    causes = by_cause([repeat], first=(metric or "").startswith("ttft"))
    return sum(causes.get(cause, 0.0) for cause in of)


def _obstacle(repeat: Repeat, known: dict[str, float]) -> Obstacle | None:
    """Return what the machine did to the client; ``None`` where nothing shows it."""
    if halt := machine.halted(known):
        return Obstacle(kind=halt.how, share=halt.high)
    return next(disturbances(repeat), None)


def _shown(repeat: Repeat, known: dict[str, float], otherwise: Limit) -> Limit:
    """Return whose limit the cell shows by itself; ``otherwise`` where it shows none."""
    repeats = Repeats((repeat,), (repeat,))
    values: dict[str, float | None] = {**{name: column(name).measured(repeats) for name in SHOWN}, **known}
    found = next((limit for limit, _ in limits.alone(values)), None)
    if found is None and own_late(repeat):
        found = Limit.CLIENT
    if found is None and max(_loop_shares(repeat), default=0.0) >= LOOP_FULL:
        found = Limit.CLIENT
    return found or otherwise


def own_late(repeat: Repeat) -> bool:
    """Return whether more than ``MAX_LATE`` of an open load's arrivals started late by the client alone."""
    delays = [
        (m.streams.start - m.streams.due - np.maximum(m.streams.held_ns, 0))[m.after_warmup]
        for m in repeat.parts
        if repeat.recording.level.rate is not None
    ]
    late = sum(int((delay > machine.START_LATE_MS * 1e6).sum()) for delay in delays)
    return late > MAX_LATE * sum(map(len, delays))


def _loop_shares(repeat: Repeat) -> Iterator[float]:
    """Yield for each engine in which share of the window its event loop had no time to wait."""
    for m in repeat.parts:
        pauses = m.recording.pauses
        turns = pauses.rows(pauses.kind == PAUSES.index("loop_pause"))
        begin, end = m.recording.window
        inside = turns.end.clip(begin, end) - turns.begin.clip(begin, end)
        yield float(inside.sum()) / max(end - begin, 1)


def objectives(thresholds: Iterable[Threshold], errors: float, slo: Slo) -> ServerObjectives:
    """Return the objectives; without any, that ``GOOD_PERCENT`` of the streams are good by ``slo``.

    One on the errors, a share of the streams, is added unless there is one: a stream that failed is not good.
    """
    found = list(thresholds) or [
        Threshold(text=f"{GOOD} >= {GOOD_PERCENT}", metric=GOOD, op=">=", value=GOOD_PERCENT)
    ]
    if not any(each.metric in ("errors", GOOD) for each in found):
        percent = 100 * errors
        found.append(Threshold(text=f"errors < {percent:g}%", metric="errors", op="<", value=percent))
    return ServerObjectives(found, slo)
