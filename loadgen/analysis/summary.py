"""From a run to one row of figures per client and concurrency, pooled over its repeats."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from loadgen.analysis import effects
from loadgen.analysis.intervals import STREAM_BITS, TOKEN_BITS, Histogram, Interval, Resampler
from loadgen.analysis.measures import Ints, Measured, present, relative
from loadgen.analysis.percentiles import Percentiles, percentiles
from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.analysis.validity import Judgement, Reason, of_pool, of_repeat
from loadgen.model import ClientId, Estimate, Level, Recording, Run, Sample, Summary, Validity

_PER_STREAM: dict[str, tuple[int, ...]] = {
    "ttft": (50, 90, 95, 99),
    "total": (50, 90, 95, 99),
    "headers": (50, 99),
    "tpot": (50, 99),
    "ttft_corrected": (50, 99),
    "total_corrected": (50, 99),
    "send_delay": (50, 99),
    "startup_ttft": (50, 99),
}
_PER_TOKEN: dict[str, tuple[int, ...]] = {
    "itl": (50, 90, 95, 99),
    "lag": (50, 99),
    "relative_lag": (50, 99),
}
_INTERVALS = (("ttft", 50), ("ttft", 99), ("itl", 99), ("total", 50), ("lag", 99))
_NONE = np.zeros(0, dtype=np.int64)
_MIN_ROUNDS = 3  # repeats from which what they differ by gives the interval


def summarise(run: Run) -> list[Summary]:
    """The figures of every client at every concurrency, in the order of the scenario.

    The order of the recordings does not matter, and the same run gives the same figures: what is drawn at
    random is drawn from the run's seed. What several workers recorded of one repeat counts as that one repeat.
    Holds the vectors of one client at one concurrency at a time.
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

    return [_pool(pools[key], run.info.seed) for key in sorted(pools, key=place)]


def _pool(recordings: Sequence[Recording], seed: int) -> Summary:
    first = recordings[0]
    ramps = bool(first.workload.load.stages)
    every = sorted(repeats_of(recordings), key=lambda repeat: repeat.recording.repeat)
    against = [of_repeat(repeat) for repeat in every]
    # An invalid repeat says nothing of latency or cost while another stands; its failures count all the same.
    sound = [
        repeat
        for repeat, reasons in zip(every, against, strict=True)
        if Judgement.of(reasons).validity is not Validity.INVALID
    ]
    kept = sound or every
    parts, every_part = _parts(kept), _parts(every)
    key = [abs(seed), zlib.crc32(first.client.label.encode()), int(first.level.value)]
    resampler = Resampler([[m.included for m in repeat.parts] for repeat in kept], key)

    vectors: dict[str, list[Ints]] = defaultdict(list)
    histograms: dict[str, list[Histogram]] = defaultdict(list)
    for part, m in enumerate(parts):
        chosen = m.included
        for name, values in (
            ("ttft", m.ttft),
            ("total", m.total),
            ("headers", m.headers_wait),
            ("tpot", m.tpot),
            ("ttft_corrected", m.ttft_corrected),
            ("total_corrected", m.total_corrected),
            ("send_delay", m.send_delay),
        ):
            vectors[name].append(present(values[chosen]))
            if name in ("ttft", "total"):
                histograms[name].append(resampler.of_streams(part, np.where(chosen, values, -1)))
        vectors["startup_ttft"].append(present(m.ttft[m.ok & ~m.after_warmup]))
        gaps = m.gaps()
        vectors["itl"].append(gaps.values)
        histograms["itl"].append(resampler.of_tokens(part, gaps))
        lags = m.lags()
        there = lags is not None and m.recording.same_host
        vectors["relative_lag"].append(_NONE if lags is None else relative(lags))
        vectors["lag"].append(lags.values if lags is not None and there else _NONE)
        histograms["lag"].append(
            resampler.of_tokens(part, lags) if lags is not None and there else resampler.nothing(part)
        )
    rounds = _rounds(kept, vectors)
    found = {
        name: _percentiles(vectors.pop(name, []), ranks) for name, ranks in (_PER_STREAM | _PER_TOKEN).items()
    }

    figures: dict[str, Estimate] = {}
    for name, ranks in (_PER_STREAM | _PER_TOKEN).items():
        for rank in ranks:
            figures[f"{name}_p{rank}_ms"] = Estimate(
                found[name][rank], n=found[name].n, low_sample=found[name].soft(rank)
            )
    for name, rank in _INTERVALS:
        if len(kept) < _MIN_ROUNDS:
            bits = TOKEN_BITS if name in _PER_TOKEN else STREAM_BITS
            interval = resampler.interval(histograms[name], rank, bits)
        else:
            interval = _between(rounds, f"{name}_p{rank}_ms")
        low, high = _around(found[name][rank], interval)
        figures[f"{name}_p{rank}_ms"] = replace(figures[f"{name}_p{rank}_ms"], low=low, high=high)

    usage = _usage(kept)
    usage["cpu_share"] = _cpu_share(usage["cpu_percent"], kept)
    counted = sum(int(m.after_warmup.sum()) for m in every_part)
    judgement = Judgement.of(
        [
            *_reasons(every, against, kept),
            *of_pool(
                counted=counted,
                chosen=sum(int(m.included.sum()) for m in parts),
                ttft_ms={rank: found["ttft"][rank] for rank in (50, 99)},
                lag_ms={rank: found["lag"][rank] for rank in (50, 99)},
                send_delay_ms={rank: found["send_delay"][rank] for rank in (50, 99)},
                cpu_share=usage["cpu_share"],
            ),
        ]
    )
    outcomes = Counter(name for m in every_part for name in m.outcome[m.after_warmup].tolist())
    reads = sum(int(np.diff(m.text_offsets)[m.included].sum()) for m in parts)
    events = sum(int(m.column("text_events")[m.included].sum()) for m in parts)
    counts = {
        "streams": counted,
        "ok": sum(int(m.included.sum()) for m in every_part),
        "errors": sum(int((m.after_warmup & m.failed).sum()) for m in every_part),
        "live_peak": _most(repeat.live_peak for repeat in kept),
        "tokens": sum(int(m.tokens[m.after_warmup].sum()) for m in parts),
        "ttft_n": found["ttft"].n,
        "itl_n": found["itl"].n,
        "lag_n": found["lag"].n,
        "live_mean": None if ramps else _mean(repeat.live_mean for repeat in kept),
        "events_per_read": events / reads if reads else None,
        "load_max_ms": _milliseconds(_most(_most(present(m.column("load_ns")).tolist()) for m in parts)),
        "startup_streams": sum(int((~m.after_warmup).sum()) for m in parts),
    }
    return Summary(
        client=first.client,
        mode=first.mode,
        level=first.level,
        repeats=len(kept),
        validity=judgement.validity,
        reasons=judgement.reasons,
        outcomes=dict(sorted(outcomes.items())),
        figures=figures | {name: Estimate(value) for name, value in (counts | usage).items()},
        rounds=rounds,
    )


def _rounds(
    kept: Sequence[Repeat], vectors: Mapping[str, list[Ints]]
) -> tuple[Mapping[str, float | None], ...]:
    """The figures of each repeat by itself."""
    rounds = []
    place = 0
    for repeat in kept:
        figures: dict[str, float | None] = {"repeat": repeat.recording.repeat}
        begin, place = place, place + len(repeat.parts)
        for name, ranks in (_PER_STREAM | _PER_TOKEN).items():
            found = _percentiles(vectors[name][begin:place], ranks)
            figures |= {f"{name}_p{rank}_ms": found[rank] for rank in ranks}
        counted = sum(int(m.after_warmup.sum()) for m in repeat.parts)
        failed = sum(int((m.after_warmup & m.failed).sum()) for m in repeat.parts)
        figures |= _usage([repeat])
        figures |= {
            "live_peak": repeat.live_peak,
            "threads_added": _summed(repeat, _added_threads),
            "errors_share": failed / counted if counted else None,
        }
        rounds.append(figures)
    return tuple(rounds)


def _parts(repeats: Iterable[Repeat]) -> list[Measured]:
    return [part for repeat in repeats for part in repeat.parts]


def _percentiles(vectors: list[Ints], ranks: Iterable[int]) -> Percentiles:
    if not vectors:
        return Percentiles(0, {})
    return percentiles(vectors[0] if len(vectors) == 1 else np.concatenate(vectors), ranks)


def _between(rounds: Sequence[Mapping[str, float | None]], name: str) -> Interval | None:
    values = [value for block in rounds if (value := block[name]) is not None]
    found = effects.never_negative(values) if len(values) >= _MIN_ROUNDS else None
    return (found.low, found.high) if found and found.low is not None and found.high is not None else None


def _around(point: float | None, interval: Interval | None) -> tuple[float, float] | tuple[None, None]:
    if point is None or interval is None:
        return None, None
    return min(interval[0], point), max(interval[1], point)


def _usage(repeats: Sequence[Repeat]) -> dict[str, Any]:
    seconds = sum(repeat.window_ns for repeat in repeats) / 1e9
    base = [kib for repeat in repeats if (kib := _summed(repeat, _base_rss_kib)) is not None]
    peaks = [kib for repeat in repeats if (kib := _summed(repeat, _peak_rss_kib)) is not None]
    grown = [each for repeat in repeats if (each := _grown_kib_per_stream(repeat)) is not None]
    cpu_ns, cpu_tokens, cpu_window = _over_window(repeats, lambda sample: sample.cpu_ns)
    wait_ns, _, wait_window = _over_window(repeats, lambda sample: sample.run_wait_ns)
    voluntary, voluntary_tokens, _ = _over_window(repeats, lambda sample: sample.voluntary)
    involuntary, involuntary_tokens, _ = _over_window(repeats, lambda sample: sample.involuntary)
    return {
        "tokens_per_s": sum(m.window_tokens for m in _parts(repeats)) / seconds if seconds else None,
        "rss_base_mib": median(base) / 1024 if base else None,
        "rss_peak_mib": median(peaks) / 1024 if peaks else None,
        "rss_per_stream_kib": median(grown) if grown else None,
        "threads_peak": _most(_summed(repeat, lambda r: _peak(r, "threads")) for repeat in repeats),
        "cpu_s": None if cpu_ns is None else cpu_ns / 1e9,
        "cpu_us_per_token": _ratio(cpu_ns, cpu_tokens, 1e-3),
        "cpu_percent": _ratio(cpu_ns, cpu_window, 100),
        "run_wait_percent": _ratio(wait_ns, wait_window, 100),
        "voluntary_switches_per_token": _ratio(voluntary, voluntary_tokens),
        "involuntary_switches_per_token": _ratio(involuntary, involuntary_tokens),
    }


def _summed(repeat: Repeat, figure: Callable[[Recording], int | None]) -> int | None:
    """Over all parts; ``None`` where one of them lacks it."""
    values = [figure(m.recording) for m in repeat.parts]
    there = [value for value in values if value is not None]
    return sum(there) if len(there) == len(values) else None


def _grown_kib_per_stream(repeat: Repeat) -> float | None:
    base, peak = _summed(repeat, _base_rss_kib), _summed(repeat, _peak_rss_kib)
    streams = _summed(repeat, lambda r: r.max_streams)
    return None if base is None or peak is None or not streams else (peak - base) / streams


def _over_window(
    repeats: Iterable[Repeat], figure: Callable[[Sample], int | None]
) -> tuple[int | None, float, int]:
    """The growth of a figure between the edges, with the tokens of the parts that have it and the nanoseconds
    of their repeats."""
    total: int | None = None
    tokens, window = 0.0, 0
    for repeat in repeats:
        longest = 0
        for m in repeat.parts:
            if len(m.recording.edges) < 2:
                continue
            before, after = figure(m.recording.edges[0]), figure(m.recording.edges[-1])
            if before is None or after is None:
                continue
            total = (total or 0) + after - before
            tokens += m.window_tokens
            longest = max(longest, m.window_ns)
        window += longest
    return total, tokens, window


def _cpu_share(cpu_percent: float | None, repeats: Iterable[Repeat]) -> float | None:
    machines = [[r.machine for m in repeat.parts if (r := m.recording).machine] for repeat in repeats]
    cores = max((sum(machine.engine_cores or 1 for machine in of) for of in machines), default=0)
    return cpu_percent / 100 / cores if cpu_percent is not None and cores else None


def _reasons(
    every: Sequence[Repeat], against: Sequence[Sequence[Reason]], kept: Sequence[Repeat]
) -> Iterable[Reason]:
    for repeat, reasons in zip(every, against, strict=True):
        which = f"repeat {repeat.recording.repeat + 1}" if len(every) > 1 else ""
        if repeat in kept:
            yield from ((verdict, f"{which}: {text}" if which else text) for verdict, text in reasons)
        else:
            text = "; ".join(Judgement.of(reasons).reasons)
            yield Validity.SUSPECT, f"{which} is left out but for its failures: {text}"


def _added_threads(recording: Recording) -> int | None:
    """Threads at the peak beyond those there were before the first stream."""
    peak, base = _peak(recording, "threads"), recording.base_threads
    return None if peak is None or base is None else peak - base


def _base_rss_kib(recording: Recording) -> int | None:
    return recording.base_rss_kib


def _peak_rss_kib(recording: Recording) -> int | None:
    peak = _peak(recording, "peak_rss_kib")
    return peak if peak is not None else _peak(recording, "rss_kib")


def _peak(recording: Recording, name: str) -> int | None:
    sampled = present(recording.samples[name])
    at_edges = [getattr(edge, name) for edge in recording.edges]
    return _most([int(sampled.max()) if len(sampled) else None, *at_edges])


def _most(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _mean(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None


def _ratio(part: float | None, whole: float, scale: float = 1.0) -> float | None:
    return None if part is None or not whole else part / whole * scale


def _milliseconds(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e6
