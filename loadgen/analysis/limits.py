"""Whose limit a client reached at a level. This is a result; it says nothing against the measurement.

The first of these that holds:

- ``simulator``: it sent late by more than its budget (5 ms, and 10 % of the TTFT of the same percentile), or by more
  than 50 ms.
- ``machine``: the client was halted: stopped, or throttled by a CPU quota (:mod:`loadgen.analysis.machine`).
- ``client``: its process used 90 % of a core in the busiest second with streams open. One core is all that Python code
  can use under the GIL, whatever cores it was given.
- ``machine``: other programs or the hypervisor kept the client waiting by more than such a budget, or starved it
  (:mod:`loadgen.analysis.machine`).
- ``client``: it started streams a second late or more; or its delivery lag, its time to wire or, under an open load,
  its start delay is beyond the budget while it used 60 % of a core on average: threads that wait for the GIL are late
  without using all of it.
- ``server``: of the tokens per second that more streams than at the level below would bring, less than half came, and
  the server's own median TTFT (without connecting, send delay and delivery lag) rose by half or more, in every round;
  or, under an open load, its backlog grew in every round (:mod:`loadgen.analysis.backlog`) while nothing held arrivals
  back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from loadgen.analysis import rounds
from loadgen.analysis.machine import (
    BUSY_PERCENT,
    MOSTLY_PERCENT,
    SIMULATOR_LATE_MS,
    TAIL_FACTOR,
    halted,
    is_open,
    late_start,
    starved,
)
from loadgen.model import Limit, LimitEvidence, LimitFinding, Round, Run, Summary, Validity
from loadgen.model.limit import (
    BusyCore,
    DelayMetric,
    GrowingBacklog,
    HaltedEngine,
    LateStarts,
    LongDelay,
    Queueing,
    Starved,
)

DELAY_MS = 5.0  # budget of a delay: this, and
DELAY_SHARE = 0.10  # this share of the TTFT of the same percentile
LATE_START_MS = 1000.0
BROUGHT = 0.5  # share of the tokens/s of more streams from which on they do not merely wait
WAITED = 1.5  # times the server's own TTFT at the level below

Evidence = tuple[Limit, LimitEvidence]


def findings(_: Run, summaries: Sequence[Summary]) -> list[LimitFinding]:
    """Return one for every client and level that reached a limit, with the figures that show it."""
    return [
        LimitFinding(
            verdict=verdict,
            client=summary.client,
            level=summary.level,
            evidence=tuple(shown for limit, shown in found if limit is verdict),
        )
        for summary, found in zip(summaries, _evidence(summaries), strict=True)
        if found and not summary.client.control and (verdict := found[0][0])
    ]


def limits(summaries: Sequence[Summary]) -> list[Limit | None]:
    """Return whose limit each of them reached; ``None``: nobody's."""
    return [found[0][0] if found else None for found in _evidence(summaries)]


def _long_delays(values: Mapping[str, float | None]) -> Iterator[LongDelay]:
    """Yield delivery lag and time to wire where they are beyond the budget; ``values`` by column."""
    metrics: tuple[DelayMetric, ...] = ("lag", "to_wire")
    for metric in metrics:
        yield from _beyond(values, metric, {rank: values.get(f"{metric}_p{rank}_ms") for rank in (99, 50)})


def _evidence(summaries: Sequence[Summary]) -> list[list[Evidence]]:
    found = {(s.client, s.level): list(alone({name: s.value(name) for name in s})) for s in summaries}
    for client, sweep in rounds.sweeps(summaries).items():
        for below, summary in pairwise(sweep):
            of, of_below = (found[client, each.level] for each in (summary, below))
            if not of and all(limit is Limit.SERVER for limit, _ in of_below):
                of += ((Limit.SERVER, shown) for shown in _queueing(below, summary))
    for summary in summaries:
        if not (of := found[summary.client, summary.level]):
            of += ((Limit.SERVER, shown) for shown in _growing(summary))
    return list(found.values())


def alone(values: Mapping[str, float | None]) -> Iterator[Evidence]:
    """Yield the limits that one measurement shows by itself, the one that counts first; ``values`` by column."""
    late = {rank: values.get(f"simulator_late_p{rank}_ms") for rank in (99, 50)}
    for shown in _beyond(values, "simulator_late", late, SIMULATOR_LATE_MS):
        yield Limit.SIMULATOR, shown
    if halt := halted(values):
        yield Limit.MACHINE, HaltedEngine(how=halt.how, percent=100 * halt.high)
    busiest, mean = values.get("cpu_busiest_second_percent"), values.get("cpu_percent")
    if busiest is not None and busiest >= BUSY_PERCENT:
        yield Limit.CLIENT, BusyCore(busiest_second_percent=busiest, cpu_percent=mean)
    if starved(values):
        wanted = values["core_wanted_percent"] or 0.0
        yield Limit.MACHINE, Starved(wanted_percent=wanted, cpu_percent=mean)
    metrics: tuple[DelayMetric, ...] = ("others_wait", "steal_wait")
    for metric in metrics:
        wait = values.get(f"{metric}_ms")
        waits = {99: None if wait is None else wait * TAIL_FACTOR, 50: wait}
        for shown in _beyond(values, metric, waits):
            yield Limit.MACHINE, shown
    # where several engines shared the streams, their CPU is added up, and the busiest second is of one
    share = values.get("cpu_share")
    of_one = mean if share is None else 100 * share
    core = min((percent for percent in (of_one, busiest) if percent is not None), default=None)
    starts = [(rank, ms) for rank in (99, 50) if (ms := values.get(f"start_delay_p{rank}_ms")) is not None]
    very_late = [start for start in starts if start[1] >= LATE_START_MS][:1]
    if is_open(values) and (core or 0.0) >= MOSTLY_PERCENT and (start := late_start(values)):
        very_late = very_late or [start]
    for rank, ms in very_late:
        yield Limit.CLIENT, LateStarts(percentile=rank, late_ms=ms, cpu_percent=core)
    if core is not None and core >= MOSTLY_PERCENT:
        for shown in _long_delays({**values, "core": core}):
            yield Limit.CLIENT, shown


def _beyond(
    values: Mapping[str, float | None],
    metric: DelayMetric,
    delays: Mapping[int, float | None],
    at_most: float = float("inf"),
) -> Iterator[LongDelay]:
    """Yield the delay at the first percentile at which it is beyond its budget, or above ``at_most``.

    Where too few streams have that percentile of the TTFT, its median takes the place; where none has a TTFT, there
    is nothing of which a share could be harmless.
    """
    for rank, delay in delays.items():
        ttft = next((of for r in (rank, 95, 90, 50) if (of := values.get(f"ttft_p{r}_ms"))), None)
        if delay is None:
            continue
        if delay > min(at_most, max(DELAY_MS, DELAY_SHARE * (ttft or 0.0))):
            yield LongDelay(
                metric=metric,
                percentile=rank,
                delay_ms=delay,
                ttft_ms=ttft,
                cpu_percent=values.get("core", values.get("cpu_percent")),
            )
            return


def _queueing(below: Summary, summary: Summary) -> Iterator[Queueing]:
    """Yield the evidence that more streams only waited, where it holds in every round that both have."""
    if Validity.INVALID in (below.validity, summary.validity):
        return
    added = summary.level.value / below.level.value - 1
    tokens, ttft = (
        (rounds.values(below, quantity), rounds.values(summary, quantity))
        for quantity in ("tokens_per_s", server_ttft_ms)
    )
    shared = set.intersection(*(set(of) for of in (*tokens, *ttft)))
    if shared and all(
        tokens[0][r]
        and ttft[0][r] > 0
        and (tokens[1][r] / tokens[0][r] - 1) < BROUGHT * added
        and ttft[1][r] >= WAITED * ttft[0][r]
        for r in shared
    ):
        mean = [sum(of[r] for r in shared) / len(shared) for of in (*tokens, *ttft)]
        yield Queueing(
            below=below.level,
            tokens_per_s=mean[1],
            below_tokens_per_s=mean[0],
            ttft_ms=mean[3],
            below_ttft_ms=mean[2],
        )


def grows(summary: Summary) -> bool:
    """Return whether the backlog of an open load grew in every round."""
    found = rounds.values(summary, "backlog_growth_per_s").values()
    return bool(found) and all(found)


def _growing(summary: Summary) -> Iterator[GrowingBacklog]:
    """Yield the evidence that the server served fewer than arrived; none of what the client held back."""
    never = (summary.value(name) for name in ("held_back_per_s", "not_started_per_s"))
    if grows(summary) and not any(never):
        yield GrowingBacklog(
            offered_per_s=summary.value("offered_per_s") or 0.0,
            completed_per_s=summary.value("completed_per_s") or 0.0,
            growth_per_s=summary.value("backlog_growth_per_s") or 0.0,
        )


def server_ttft_ms(_: Summary, each: Round) -> float | None:
    """Return the server's own median TTFT in one round: without connecting, send delay and delivery lag."""
    ttft = each.values.get("ttft_p50_ms")
    if ttft is None:
        return None
    others = ("connecting", "send_delay", "lag")
    return max(0.0, ttft - sum(each.values.get(f"{name}_p50_ms") or 0.0 for name in others))
