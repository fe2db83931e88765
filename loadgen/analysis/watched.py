"""What the server's own metrics had of each measurement, and whether that is what its client saw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from loadgen.analysis.measures import Ints
from loadgen.analysis.repeats import Repeat, included, repeats_of
from loadgen.model import (
    KNOWN,
    Known,
    Recording,
    Run,
    Source,
    Summary,
    UnwatchedFinding,
    Watched,
    WatchedFinding,
)  # fmt: skip

Floats = NDArray[np.float64]

MIN_LOOKS: Final = 5  # in the windows of a measurement, to compare means
DIFFERS: Final = 0.2  # share of the streams in flight from which on the server's requests are others
LEAST: Final = 1.0  # request; a smaller difference may be the moment of the look
JOIN: Final[Mapping[str, Callable[..., Floats]]] = {"sum": np.nansum, "max": np.nanmax, "mean": np.nanmean}
FAILED: Final = 0.1  # share of the looks that may fail without a finding, but for the first
THROTTLED: Final = "nvidia_throttled"
COUNTERS: Final = ("counter",)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One figure over time, by the clock of the looks. ``rate``: it is a counter's, per second."""

    key: str
    at: Ints
    value: Floats
    rate: bool = False


def lines(watched: Watched, names: Sequence[str] = ()) -> list[Line]:
    """Return the figures that are known, then those of these names; several series of one are joined."""
    picked = [Known(name, (name, f"{name}_total")) for name in dict.fromkeys(names)]
    return [
        line for known in (*KNOWN, *picked) if (line := _line(watched, known, known in KNOWN)) is not None
    ]


def _line(watched: Watched, known: Known, builtin: bool) -> Line | None:
    has = {series.name for series in watched.series}
    name = next((name for name in known.names if name in has), None)
    if name is None:
        return None
    places = [place for place, series in enumerate(watched.series) if series.name == name]
    source = watched.sources.index(watched.series[places[0]].source)
    looks = np.flatnonzero(watched.looks.source == source)
    all_values = np.stack([_filled(watched, place, looks) for place in places])
    seen = ~np.isnan(all_values).all(axis=0)
    at, values = watched.looks.at[looks[seen]], JOIN[known.joined](all_values[:, seen], axis=0) * known.scale
    order = np.argsort(at, kind="stable")
    at, values = at[order], values[order]
    if builtin or watched.series[places[0]].kind not in COUNTERS:
        return Line(known.key, at, values)
    step, passed = np.diff(values), np.diff(at) / 1e9
    grew = (step >= 0) & (passed > 0)  # a counter that goes back was reset with its server
    return Line(known.key, at[1:][grew], step[grew] / passed[grew], rate=True)


def _filled(watched: Watched, place: int, looks: Ints) -> Floats:
    """Return the value of a series at those looks: its last change, NaN before the first."""
    own = watched.changes.series == place
    at, value = watched.changes.look[own], watched.changes.value[own]
    last = np.searchsorted(at, looks, "right") - 1
    return np.where(last >= 0, value[np.maximum(last, 0)], np.nan)


def of_recording(line: Line, watched: Watched, recording: Recording) -> tuple[Floats, Floats]:
    """Return the seconds after the cell's start, until its last stream ended, and the values then.

    The looks' clock is the engines', but for workers, whose clocks are tied to it by the time of day.
    """
    shift = 0
    if recording.worker:
        shift = (watched.clock[1] - watched.clock[0]) - (recording.clock[0][1] - recording.clock[0][0])
    since = line.at + shift - recording.start
    last = int(max(recording.streams.end.max(initial=0), recording.window[1])) - recording.start
    inside = (since >= 0) & (since <= last)
    return since[inside] / 1e9, line.value[inside]


def in_windows(line: Line | None, watched: Watched, repeats: Iterable[Repeat]) -> Floats:
    """Return the values in the measured windows."""
    found = [np.zeros(0)]
    for repeat in repeats if line else ():
        assert line is not None
        at, value = of_recording(line, watched, repeat.recording)
        begin, end = (mark / 1e9 for mark in repeat.window)
        found.append(value[(at >= begin) & (at <= end)])
    return np.concatenate(found)


def findings(run: Run, summaries: Iterable[Summary]) -> list[WatchedFinding | UnwatchedFinding]:
    """Return what the server had of every measurement, and which sources gave nothing."""
    return [*_seen(run, summaries), *(found for source in run.info.watched for found in _unseen(source))]


def _unseen(source: Source) -> Iterator[UnwatchedFinding]:
    if source.failed or source.left_out:
        yield UnwatchedFinding(
            verdict="nothing" if source.failed >= source.looks else "gaps",
            source=source.name,
            url=source.url,
            looks=source.looks,
            failed=source.failed,
            why=source.why,
            left_out=source.left_out,
        )


def _seen(run: Run, summaries: Iterable[Summary]) -> Iterator[WatchedFinding]:
    watched = run.watched
    if watched is None:
        return
    of: Mapping[str, Line] = {line.key: line for line in lines(watched)}
    repeats = repeats_of(run.recordings)
    for s in summaries:
        own = included(repeats, s)
        running, waiting, cache = (
            in_windows(of.get(key), watched, own) for key in ("running", "waiting", "cache")
        )
        throttled = _throttled(watched, own)
        if not (looks := max(len(running), len(waiting), len(cache))) and not throttled:
            continue
        flying = np.concatenate([_in_flight(of, watched, repeat) for repeat in own])
        found = WatchedFinding(
            client=s.client,
            level=s.level,
            looks=looks,
            in_flight=_mean(flying),
            running=_mean(running),
            waiting=_mean(waiting),
            cache=float(cache.max()) if len(cache) else None,
            throttled=throttled,
            verdict=verdict(flying, running, waiting),
        )
        yield found


def _throttled(watched: Watched, repeats: Iterable[Repeat]) -> Mapping[str, float]:
    """Return in which share of the looks a GPU was throttled, by reason."""
    found, own = {}, list(repeats)
    reasons = {series.labels.get("reason", "") for series in watched.series if series.name == THROTTLED}
    for reason in sorted(reasons):
        only = [
            replace(series, name=THROTTLED if series.labels.get("reason") == reason else "")
            for series in watched.series
        ]
        line = _line(replace(watched, series=tuple(only)), Known(THROTTLED, (THROTTLED,), "max"), True)
        values = in_windows(line, watched, own)
        if len(values) and values.any():
            found[reason] = float(values.mean())
    return found


def verdict(flying: Floats, running: Floats, waiting: Floats) -> Literal["", "agrees", "others", "elsewhere"]:
    """Return whether the requests of the server are the streams in flight: in the mean, within a fifth or one."""
    if min(len(flying), len(running), len(waiting)) < MIN_LOOKS:
        return ""
    ours, theirs = float(flying.mean()), float(running.mean() + waiting.mean())
    if abs(theirs - ours) <= max(LEAST, DIFFERS * ours):
        return "agrees"
    return "others" if theirs > ours else "elsewhere"


def _in_flight(of: Mapping[str, Line], watched: Watched, repeat: Repeat) -> Floats:
    """Return how many streams were in flight at each look of the window."""
    line = of.get("running") or of.get("waiting")
    times, number = repeat.open
    if line is None or not len(times):
        return np.zeros(0)
    at = of_recording(line, watched, repeat.recording)[0] * 1e9
    at = at[(at >= repeat.window[0]) & (at <= repeat.window[1])]
    return np.concatenate([[0], number])[np.searchsorted(times, at, "right")].astype(np.float64)


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None
