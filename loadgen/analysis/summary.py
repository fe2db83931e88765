"""Summarise a run: every metric of each client at each level, pooled over the repeats."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from loadgen.analysis import effects
from loadgen.analysis.intervals import STREAM_BITS, TOKEN_BITS, Interval, Resampler
from loadgen.analysis.measures import Times
from loadgen.analysis.metrics import Metric, PerStream, Repeats, Scalar, metrics
from loadgen.analysis.percentiles import Percentiles, percentiles
from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.analysis.validity import MIN_ROUNDS, of_pool, of_repeat, of_repeats, ordered, verdict
from loadgen.model import ClientId, Estimate, Level, Recording, Round, Run, Summary, Validity


def summarise(run: Run) -> list[Summary]:
    """Return every metric of every client at every level, in the order of the scenario.

    The order of the recordings does not matter, and the same run gives the same summaries: what is drawn at
    random is drawn from the run's seed. What several workers recorded of one repeat counts as that one repeat.
    Holds the values of one metric of one client at one level at a time.
    """
    pools: dict[tuple[ClientId, Level], list[Recording]] = defaultdict(list)
    for recording in run.recordings:
        pools[recording.client, recording.level].append(recording)
    clients, levels = run.info.scenario.clients, run.info.scenario.levels

    def place(key: tuple[ClientId, Level]) -> tuple[Any, ...]:
        client, level = key
        return (
            clients.index(client) if client in clients else len(clients),
            client.label,
            levels.index(level) if level in levels else len(levels),
            level,
        )

    return [_summary(pools[key], run.info.seed) for key in sorted(pools, key=place)]


def _summary(recordings: Sequence[Recording], seed: int) -> Summary:
    first = recordings[0]
    every = sorted(repeats_of(recordings), key=lambda repeat: repeat.recording.repeat)
    reasons = [of_repeat(repeat) for repeat in every]
    # An invalid repeat says nothing of latency or cost while another stands; its failures count all the same.
    valid = [r for r, of in zip(every, reasons, strict=True) if verdict(of) is not Validity.INVALID]
    repeats = Repeats(included=valid or every, all=every)
    key = [abs(seed), zlib.crc32(first.client.label.encode()), int(first.level.value)]
    estimates, rounds = _estimates(repeats, key)
    values = {name: estimate.value for name, estimate in estimates.items()}
    found = ordered(
        [
            *of_repeats(every, reasons),
            *of_pool(
                values,
                included=sum(int(m.included.sum()) for m in repeats.parts),
                rounds=len(repeats.included),
            ),
        ]
    )
    outcomes = Counter(name for m in repeats.all_parts for name in m.outcome[m.after_warmup].tolist())
    return Summary(
        client=first.client,
        mode=first.mode,
        level=first.level,
        repeats=len(repeats.included),
        validity=verdict(found),
        reasons=found,
        outcomes=dict(sorted(outcomes.items())),
        metrics=estimates,
        rounds=rounds,
    )


def _estimates(repeats: Repeats, key: Sequence[int]) -> tuple[dict[str, Estimate], tuple[Round, ...]]:
    """Return every metric over all repeats, and of each included repeat by itself; ``key`` seeds the draws."""
    estimates: dict[str, Estimate] = {}
    rounds: list[dict[str, float | None]] = [{} for _ in repeats.included]
    alone = [Repeats(included=(repeat,), all=(repeat,)) for repeat in repeats.included]
    resampler = None
    if len(rounds) < MIN_ROUNDS:
        resampler = Resampler([[m.included for m in repeat.parts] for repeat in repeats.included], key)
    for metric in metrics():
        formula = metric.formula
        if isinstance(formula, Scalar):
            estimates[metric.key] = Estimate(formula.value(repeats))
            for of, repeat in zip(rounds, alone, strict=True):
                of[metric.key] = formula.value(repeat)
            continue
        times = [formula.times(m) for m in repeats.parts]
        pool = _percentiles(times, metric)
        for of, (begin, end) in zip(rounds, _spans(repeats.included), strict=True):
            found = _percentiles(times[begin:end], metric)
            of |= {metric.column(rank): found[rank] for rank in metric.percentiles}
        bounds = _intervals(metric, rounds) if resampler is None else _resampled(metric, times, resampler)
        for rank in metric.percentiles:
            low, high = _around(pool[rank], bounds.get(rank))
            estimates[metric.column(rank)] = Estimate(pool[rank], low, high, pool.n, pool.low_sample(rank))
        if metric.count:
            estimates[f"{metric.key}_n"] = Estimate(pool.n)
    numbers = [repeat.recording.repeat for repeat in repeats.included]
    return estimates, tuple(map(Round, numbers, rounds))


def _percentiles(times: Sequence[Times], metric: Metric) -> Percentiles:
    vectors = [of.values for of in times]
    return percentiles(vectors[0] if len(vectors) == 1 else np.concatenate(vectors), metric.percentiles)


def _spans(repeats: Iterable[Repeat]) -> Iterator[tuple[int, int]]:
    """Yield where each repeat's parts begin and end among all parts."""
    return pairwise(accumulate((len(repeat.parts) for repeat in repeats), initial=0))


def _intervals(metric: Metric, rounds: Sequence[Mapping[str, float | None]]) -> dict[int | None, Interval]:
    """Return the intervals by what repeats differ by, where at least three of them have the metric."""
    bounds: dict[int | None, Interval] = {}
    for rank in metric.intervals:
        values = [value for of in rounds if (value := of[metric.column(rank)]) is not None]
        found = effects.never_negative(values) if len(values) >= MIN_ROUNDS else None
        if found and found.low is not None and found.high is not None:
            bounds[rank] = found.low, found.high
    return bounds


def _resampled(metric: Metric, times: Sequence[Times], resampler: Resampler) -> dict[int | None, Interval]:
    """Return the intervals by resampling streams."""
    if not metric.intervals:
        return {}
    bits = STREAM_BITS if isinstance(metric.formula, PerStream) else TOKEN_BITS
    made = [resampler.histogram(part, of, bits) for part, of in enumerate(times)]
    ranks = (rank for rank in metric.percentiles if rank in metric.intervals)
    return {rank: found for rank in ranks if (found := resampler.interval(made, rank)) is not None}


def _around(point: float | None, interval: Interval | None) -> tuple[float, float] | tuple[None, None]:
    if point is None or interval is None:
        return None, None
    return min(interval[0], point), max(interval[1], point)
