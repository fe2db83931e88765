"""What the server's own metrics had of each measurement, and whether that is what its client saw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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

MIN_READINGS: Final = 5  # in the windows of a measurement, to compare means
DIFFERS: Final = 0.2  # share of the streams in flight from which on the server's requests are others
LEAST: Final = 1.0  # request; a smaller difference may be the moment of the reading
JOIN: Final[Mapping[str, Callable[..., Floats]]] = {"sum": np.nansum, "max": np.nanmax, "mean": np.nanmean}
THROTTLED: Final = "nvidia_throttled_"
COUNTER: Final = "counter"
SLACK_NS: Final = 60 * 10**9  # a cell begins when the first reading is done; clocks are set


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """The values of a figure that one process saw, by its clock."""

    watched: Watched
    at: Ints
    value: Floats

    def of(self, recording: Recording) -> bool:
        """Return whether the cell began while this process watched, by the time of day."""
        own, cell = self.watched.clock, recording.clock[0]
        readings, start = self.watched.readings.at, recording.start - cell[0] + cell[1]
        begin, end = (int(mark) - own[0] + own[1] for mark in (readings.min(), readings.max()))
        return begin - SLACK_NS <= start <= end + SLACK_NS


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One figure over time. ``rate``: it is a counter's, per second. A run that was resumed has several pieces."""

    key: str
    pieces: tuple[Piece, ...]
    rate: bool = False


def lines(watched: Sequence[Watched], names: Iterable[str] = ()) -> list[Line]:
    """Return the figures that are known, then those of these names; several series of one are joined."""
    picked = [Known(name, (name, f"{name}_total")) for name in dict.fromkeys(names)]
    found = []
    for known in (*KNOWN, *picked):
        pieces = [made for part in watched if (made := _piece(part, known, known in KNOWN)) is not None]
        if pieces:
            found.append(Line(known.key, tuple(piece for piece, _ in pieces), rate=pieces[0][1]))
    return found


def _piece(watched: Watched, known: Known, builtin: bool) -> tuple[Piece, bool] | None:
    """Return the figure, and whether it is a rate; ``None`` where nothing was seen of it."""
    has = {series.name for series in watched.series}
    name = next((name for name in known.names if name in has), None)
    if name is None:
        return None
    series = {place: each for place, each in enumerate(watched.series) if each.name == name}
    first = next(iter(series.values()))
    readings = np.flatnonzero(watched.readings.source == watched.sources.index(first.source))
    filled = np.stack([_filled(watched, place, readings) for place in series])
    seen = ~np.isnan(filled).all(axis=0)
    at, values = (
        watched.readings.at[readings[seen]],
        JOIN[known.joined](filled[:, seen], axis=0) * known.scale,
    )
    order = np.argsort(at, kind="stable")
    order = order[np.isfinite(values[order])]
    at, values = at[order], values[order]
    if not len(at):
        return None
    if builtin or first.kind != COUNTER:
        return Piece(watched, at, values), False
    step, passed = np.diff(values), np.diff(at) / 1e9
    grew = (step >= 0) & (passed > 0)  # a counter that goes back was reset with its server
    return Piece(watched, at[1:][grew], step[grew] / passed[grew]), True


def _filled(watched: Watched, place: int, readings: Ints) -> Floats:
    """Return the value of a series at those readings: its last change, NaN before the first."""
    own = watched.changes.series == place
    at, value = watched.changes.reading[own], watched.changes.value[own]
    last = np.searchsorted(at, readings, "right") - 1
    return np.where(last >= 0, value[np.maximum(last, 0)], np.nan)


def of_recording(line: Line, recording: Recording) -> tuple[Floats, Floats]:
    """Return the seconds after the cell's start, until its last stream ended, and the values then.

    The readings' clock is the engines', but for workers, whose clocks are tied to it by the time of day.
    """
    piece = next((piece for piece in line.pieces if piece.of(recording)), None)
    if piece is None:
        return np.zeros(0), np.zeros(0)
    shift, own, cell = 0, piece.watched.clock, recording.clock[0]
    if recording.worker:
        shift = (own[1] - own[0]) - (cell[1] - cell[0])
    since = piece.at + shift - recording.start
    last = int(max(recording.streams.end.max(initial=0), recording.window[1])) - recording.start
    inside = (since >= 0) & (since <= last)
    return since[inside] / 1e9, piece.value[inside]


def in_windows(line: Line | None, repeats: Iterable[Repeat]) -> Floats:
    """Return the values in the measured windows."""
    found = [np.zeros(0)]
    for repeat in repeats:
        if line is not None:
            at, value = of_recording(line, repeat.recording)
            begin, end = (mark / 1e9 for mark in repeat.window)
            found.append(value[(at >= begin) & (at <= end)])
    return np.concatenate(found)


def findings(run: Run, summaries: Iterable[Summary]) -> list[WatchedFinding | UnwatchedFinding]:
    """Return what the server had of every measurement, and which sources gave nothing."""
    return [*_seen(run, summaries), *(found for source in run.info.watched for found in _unseen(source))]


def _unseen(source: Source) -> Iterator[UnwatchedFinding]:
    if source.failed or source.left_out:
        yield UnwatchedFinding(
            verdict="nothing" if source.failed >= source.readings else "gaps",
            source=source.name,
            url=source.url,
            readings=source.readings,
            failed=source.failed,
            why=source.why,
            left_out=source.left_out,
        )


def _seen(run: Run, summaries: Iterable[Summary]) -> Iterator[WatchedFinding]:
    if not run.watched:
        return
    of = {line.key: line for line in lines(run.watched)}
    names = {each.name for part in run.watched for each in part.series if each.name.startswith(THROTTLED)}
    slowed = [line for line in lines(run.watched, sorted(names)) if line.key in names]
    repeats = repeats_of(run.recordings)
    for s in summaries:
        own = included(repeats, s)
        running, waiting, cache = (in_windows(of.get(key), own) for key in ("running", "waiting", "cache"))
        throttled = {
            line.key.removeprefix(THROTTLED): min(1.0, float(values.mean()))
            for line in slowed
            if len(values := in_windows(line, own)) and values.any()
        }
        if not (readings := max(len(running), len(waiting), len(cache))) and not throttled:
            continue
        flying = np.concatenate([_in_flight(of, repeat) for repeat in own])
        yield WatchedFinding(
            client=s.client,
            level=s.level,
            readings=readings,
            in_flight=_mean(flying),
            running=_mean(running),
            waiting=_mean(waiting),
            cache=float(cache.max()) if len(cache) else None,
            throttled=throttled,
            verdict=verdict(flying, running, waiting),
        )


def verdict(flying: Floats, running: Floats, waiting: Floats) -> Literal["", "agrees", "others", "elsewhere"]:
    """Return whether the requests of the server are the streams in flight: in the mean, within a fifth or one."""
    if min(len(flying), len(running), len(waiting)) < MIN_READINGS:
        return ""
    ours, theirs = float(flying.mean()), float(running.mean() + waiting.mean())
    if abs(theirs - ours) <= max(LEAST, DIFFERS * ours):
        return "agrees"
    return "others" if theirs > ours else "elsewhere"


def _in_flight(of: Mapping[str, Line], repeat: Repeat) -> Floats:
    """Return how many streams were in flight at each reading of the window."""
    line = of.get("running") or of.get("waiting")
    times, number = repeat.open
    if line is None or not len(times):
        return np.zeros(0)
    at = of_recording(line, repeat.recording)[0] * 1e9
    at = at[(at >= repeat.window[0]) & (at <= repeat.window[1])]
    return np.concatenate([[0], number])[np.searchsorted(times, at, "right")].astype(np.float64)


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None
