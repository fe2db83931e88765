"""Summarise a run: every metric of each client at each level, pooled over the repeats."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from loadgen.analysis import batches, effects
from loadgen.analysis.confidence import confidence
from loadgen.analysis.intervals import STREAM_BITS, TOKEN_BITS, Interval, Resampler, of_share
from loadgen.analysis.limits import limits
from loadgen.analysis.machine import neighbours
from loadgen.analysis.measures import Times
from loadgen.analysis.metrics import Metric, PerStream, Repeats, Scalar, metrics
from loadgen.analysis.noise import NoiseThresholds
from loadgen.analysis.percentiles import Percentiles, percentiles
from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.analysis.validity import MIN_ROUNDS, of_pool, of_repeat, of_repeats, ordered, settled, verdict
from loadgen.model import ClientId, Estimate, Level, Round, Run, Summary, Validity


def summarise(run: Run) -> list[Summary]:
    """Return every metric of every client at every level, in the order of the scenario.

    The order of the recordings does not matter, and the same run gives the same summaries: what is drawn at
    random is drawn from the run's seed. What several workers recorded of one repeat counts as that one repeat.
    Holds the values of one metric of one client at one level at a time.
    """
    pools: dict[tuple[ClientId, Level], list[Repeat]] = defaultdict(list)
    for repeat in sorted(repeats_of(run.recordings), key=lambda repeat: repeat.recording.repeat):
        pools[repeat.recording.client, repeat.recording.level].append(repeat)
    clients, levels = (
        {each: place for place, each in enumerate(of)}
        for of in (run.info.scenario.clients, run.info.scenario.levels)
    )

    def place(key: tuple[ClientId, Level]) -> tuple[Any, ...]:
        client, level = key
        return clients.get(client, len(clients)), client.label, levels.get(level, len(levels)), level

    found = [_summary(pools.pop(key), run.info.seed) for key in sorted(pools, key=place)]
    noise = NoiseThresholds(found)
    found = [replace(summary, confidence=confidence(summary, noise)) for summary in found]
    return [
        settled(replace(summary, limited_by=limit))
        for summary, limit in zip(found, limits(found), strict=True)
    ]


def _summary(every: Sequence[Repeat], seed: int) -> Summary:
    first = every[0].recording
    reasons = [of_repeat(repeat) for repeat in every]
    # An invalid repeat says nothing of latency or cost while another stands; its failures count all the same.
    valid = [r for r, of in zip(every, reasons, strict=True) if verdict(of) is not Validity.INVALID]
    repeats = Repeats(included=valid or every, all=every)
    key = [abs(seed), zlib.crc32(first.client.label.encode()), int(first.level.value)]
    estimates, rounds = _estimates(repeats, key)
    streams = sum(int(m.included.sum()) for m in repeats.parts)
    found = ordered(
        [*of_repeats(every, reasons), *of_pool(streams, len(rounds)), *batches.findings(repeats.parts)]
    )
    outcomes, finished = Counter[str](), Counter[str]()
    for m in repeats.all_parts:
        outcomes.update(m.outcome[m.after_warmup].tolist())
    for m in repeats.parts:
        finished.update(m.streams.finish_reason[m.included].tolist())
    del finished[""]
    return Summary(
        client=first.client,
        mode=first.mode,
        level=first.level,
        repeats=len(rounds),
        validity=verdict(found),
        reasons=found,
        outcomes=dict(sorted(outcomes.items())),
        finish_reasons=dict(sorted(finished.items())),
        metrics=estimates,
        rounds=rounds,
        neighbours=neighbours(repeats.parts),
    )


def _estimates(repeats: Repeats, key: Sequence[int]) -> tuple[dict[str, Estimate], tuple[Round, ...]]:
    """Return every metric over all repeats, and of each included repeat by itself; ``key`` seeds the draws."""
    estimates: dict[str, Estimate] = {}
    rounds: list[dict[str, float | None]] = [{} for _ in repeats.included]
    resampler = None
    if len(rounds) < MIN_ROUNDS:
        resampler = Resampler([[m.included for m in repeat.parts] for repeat in repeats.included], key)
    for metric in metrics():
        formula = metric.formula
        if isinstance(formula, Scalar):
            for of, repeat in zip(rounds, repeats.included, strict=True):
                of[metric.key] = formula.value(Repeats(included=(repeat,), all=(repeat,)))
            values = [of[metric.key] for of in rounds]
            whole = values[0] if len(repeats.all) == 1 else formula.value(repeats)
            estimates |= _scalar(metric, formula, repeats, whole, values)
            continue
        by_repeat = [[formula.times(m) for m in repeat.parts] for repeat in repeats.included]
        for of, parts in zip(rounds, by_repeat, strict=True):
            found = _percentiles(parts, metric)
            of |= {metric.column(rank): found[rank] for rank in metric.percentiles}
        times = [part for parts in by_repeat for part in parts]
        pool = found if len(by_repeat) == 1 else _percentiles(times, metric)
        bounds: Mapping[int | None, Interval | None]
        if resampler:
            bits = STREAM_BITS if isinstance(formula, PerStream) else TOKEN_BITS
            bounds = resampler.intervals(times, metric.intervals, bits)
        else:
            bounds = {rank: _across(of[metric.column(rank)] for of in rounds) for rank in metric.intervals}
        for rank in metric.percentiles:
            low, high = _around(pool[rank], bounds.get(rank))
            estimates[metric.column(rank)] = Estimate(pool[rank], low, high, pool.n, pool.low_sample(rank))
        if metric.count:
            estimates[f"{metric.key}_n"] = Estimate(pool.n)
    numbers = [repeat.recording.repeat for repeat in repeats.included]
    return estimates, tuple(map(Round, numbers, rounds))


def _scalar(
    metric: Metric, formula: Scalar, repeats: Repeats, value: float | None, by_round: Sequence[float | None]
) -> dict[str, Estimate]:
    """Return the number, the ``value`` of all repeats, with its interval where it has one; of a share also how many
    streams it is of.

    The interval of a share is never narrower than chance in counting makes it, even where all rounds agree.
    """
    counted = formula.counts(repeats) if formula.counts else None
    bounds = _across(by_round) if metric.intervals else None
    if counted and metric.intervals and (chance := of_share(*counted)):
        by_chance = chance[0] * formula.whole, chance[1] * formula.whole
        least, most = bounds or by_chance
        bounds = min(least, by_chance[0]), min(max(most, by_chance[1]), formula.whole)
    number = counted[1] if counted else None
    low, high = _around(value, bounds)
    found = {metric.key: Estimate(value, low, high, number)}
    return found | ({f"{metric.key}_n": Estimate(number)} if metric.count else {})


def _percentiles(times: Sequence[Times], metric: Metric) -> Percentiles:
    vectors = [of.values for of in times]
    return percentiles(vectors[0] if len(vectors) == 1 else np.concatenate(vectors), metric.percentiles)


def _across(values: Iterable[float | None]) -> Interval | None:
    """Return the interval by what repeats differ by; ``None`` where too few of them have a value."""
    measured = [value for value in values if value is not None]
    found = effects.never_negative(measured) if len(measured) >= MIN_ROUNDS else None
    return (found.low, found.high) if found and found.low is not None and found.high is not None else None


def _around(point: float | None, interval: Interval | None) -> tuple[float, float] | tuple[None, None]:
    if point is None or interval is None:
        return None, None
    return min(interval[0], point), max(interval[1], point)
