"""Estimate what a stream, a token and a request cost each client, apart from what the client costs to be there at all.

Memory and threads are straight lines over the number of streams, context switches over the tokens per second: each
round gives a line by least squares over its levels. There is none over tokens per second that do not grow with the
streams, to ``GROWS`` times with the whole interval; and a line that falls is the cost of nothing.

CPU time is fitted to what the engine did: within the measured windows, every interval of 20 ms or more between two
samples gives ``CPU = a · tokens arrived + b · requests started + c · seconds``. Each round gives ``a``, ``b`` and ``c``
by non-negative least squares (Lawson and Hanson 1974) over the intervals of all its levels.

The rounds give the intervals. There is no estimate of the CPU per token or per request where the intervals cannot tell
them apart: less than 5 % of the tokens' or the requests' sum of squares is left by the other two (they are collinear);
or the 95 % interval reaches from nothing to all of the CPU time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadgen.analysis import effects, rounds
from loadgen.analysis.measures import Measured
from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.model import ClientId, Cost, CostFinding, Estimate, Level, Resource, Round, Run, Summary

INTERVAL_NS = (
    20_000_000  # least time between two samples: shorter is noisier, in longer ones tokens follow requests
)
MIN_INTERVALS = 20  # of a round
MIN_LEFT = 0.05  # share of the sum of squares that the others do not explain, from which costs are separated

GROWS = 1.5  # times the tokens/s of the lowest level that the highest has at least

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of cost: ``y`` over ``x``; ``growth_scale`` makes the slope one in ``growth_unit``."""

    resource: Resource
    growth_unit: str
    growth_scale: float
    fixed_unit: str
    x: rounds.Quantity
    y: rounds.Quantity


def _streams(summary: Summary, _: Round) -> float | None:
    return summary.level.value


def _switches_per_s(_: Summary, one: Round) -> float | None:
    each, tokens = one.values.get("switches_per_token"), one.values.get("tokens_per_s")
    return None if each is None or tokens is None else each * tokens


LINES = (
    Line("memory", "KiB per stream", 1024.0, "MiB", _streams, "rss_peak_mib"),
    Line("threads", "per stream", 1.0, "", _streams, "threads_peak"),
    Line("switches", "per token", 1.0, "per s", "tokens_per_s", _switches_per_s),
)
CPU: Sequence[tuple[Resource, str]] = (
    ("cpu_per_token", "µs per token"),
    ("cpu_per_request", "µs per request"),
)


def findings(run: Run, summaries: Sequence[Summary]) -> list[CostFinding]:
    """Return a finding for each client with a closed loop; at one level its CPU alone."""
    closed = [s for s in rounds.valid(summaries) if s.level.streams is not None]
    cells = {repeat.key: repeat for repeat in repeats_of(run.recordings)}
    return [
        CostFinding(client=client, lowest=sweep[0].level, highest=sweep[-1].level, costs=found)
        for client, sweep in rounds.sweeps(closed).items()
        if (found := (*_lines(sweep), *_cpu(sweep, cells)))
    ]


def fit(intervals: Floats) -> tuple[float, float, float] | None:
    """Return the CPU per token, per request and per second of intervals with columns ``CPU, tokens, requests, s``.

    ``None`` where they cannot be separated.
    """
    from scipy.optimize import nnls

    y, x = intervals[:, 0], intervals[:, 1:]
    for column in (0, 1):
        own, others = x[:, column], np.delete(x, column, axis=1)
        left = own - others @ np.linalg.lstsq(others, own)[0]
        if left @ left < MIN_LEFT * (own @ own) or not own.any():
            return None
    token, request, second = nnls(x, y)[0].tolist()
    return token, request, second


def _lines(sweep: Sequence[Summary]) -> Iterator[Cost]:
    for line in LINES:
        if line.x == "tokens_per_s" and not _grows(sweep):
            continue
        found = rounds.lines(sweep, line.x, line.y)
        growth = effects.mean(slope * line.growth_scale for _, slope in found)
        fixed = effects.mean(intercept for intercept, _ in found)
        if growth is not None and fixed is not None and growth.value >= 0:
            yield Cost(
                resource=line.resource,
                growth=growth,
                growth_unit=line.growth_unit,
                fixed=fixed,
                fixed_unit=line.fixed_unit,
            )


def _grows(sweep: Sequence[Summary]) -> bool:
    ratio = effects.times(rounds.contrast(sweep[-1:], sweep[:1], "tokens_per_s"))
    return ratio is not None and (ratio.value if ratio.low is None else ratio.low) >= GROWS


def _cpu(sweep: Sequence[Summary], cells: Mapping[tuple[ClientId, Level, int], Repeat]) -> Iterator[Cost]:
    shared = set.intersection(*({one.repeat for one in s.rounds} for s in sweep))
    tables = [
        np.concatenate([_intervals(m) for s in sweep for m in cells[s.client, s.level, repeat].parts])
        for repeat in sorted(shared)
    ]
    tables = [table for table in tables if len(table) >= MIN_INTERVALS]
    if not tables:
        return
    found = [one for one in map(fit, tables) if one is not None]
    cpu, *totals = sum(table.sum(axis=0) for table in tables).tolist()
    separable = len(found) == len(tables)
    fixed = effects.never_negative(second / 1000 for *_, second in found) if separable else None
    for column, (resource, unit) in enumerate(CPU):
        growth = effects.never_negative(one[column] for one in found) if separable else None
        if growth is not None and growth.low is not None and growth.high is not None:
            everything = growth.low <= 0 and growth.high >= cpu / totals[column]
            growth = None if everything else growth
        yield Cost(
            resource=resource,
            growth=growth or Estimate(),
            growth_unit=unit,
            fixed=fixed or Estimate(),
            fixed_unit="ms/s",
            separable=growth is not None,
        )


def _intervals(m: Measured) -> Floats:
    """Return a row per interval within the window: microseconds of CPU, tokens, requests, seconds."""
    samples = m.recording.cpu_samples if len(m.recording.cpu_samples) else m.recording.samples
    begin, end = m.edges
    known = (samples.cpu_ns >= 0) & (samples.at >= begin) & (samples.at <= end)
    at, cpu = samples.at[known], samples.cpu_ns[known]
    if len(at) < 2:
        return np.zeros((0, 4))
    step = max(1, round(INTERVAL_NS / max(float(np.median(np.diff(at))), 1.0)))
    at, cpu = at[::step], cpu[::step]
    weight, tokens = m.tokens / np.maximum(m.streams.text_events, 1), np.zeros(len(at) + 1)
    for streams, arrivals, _ in m.blocks():
        each = np.repeat(weight[streams], m.streams.reads[streams]) * arrivals.count
        tokens += np.bincount(np.searchsorted(at, arrivals.at, "right"), each, len(at) + 1)
    tokens = tokens[1:-1]
    requests, _ = np.histogram(m.streams.start, at)
    return np.stack([np.diff(cpu) / 1e3, tokens, requests, np.diff(at) / 1e9], axis=1)
