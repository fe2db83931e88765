"""From the marks of one recording to its vectors: per stream, per gap between tokens, per token's lag.

Vectors are int64 nanoseconds; -1 stands for "there is none" in those per stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadgen.model import Outcome, Recording

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

TIE_ERROR_NS = 1_000_000
TIE_ERROR_PPM = 500  # what a clock may be slewed by while it is steered


@dataclass(frozen=True, slots=True)
class Tokens:
    """One value per gap or per text event; ``owner`` is the row of the stream that each belongs to."""

    values: Ints
    owner: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Measured:
    """The vectors of one recording, one element per row of its ``streams``.

    ``chosen`` are the streams whose latencies count: ok, and due in or after the measured window's begin.
    """

    recording: Recording

    def column(self, name: str) -> NDArray[Any]:
        """One column of the recording's streams table."""
        values: NDArray[Any] = self.recording.streams[name]
        return values

    @cached_property
    def outcome(self) -> NDArray[np.str_]:
        return self.column("outcome").astype(np.str_)

    @cached_property
    def after_warmup(self) -> Flags:
        """Due after the warm-up, whatever became of them."""
        due: Ints = self.column("due")
        return due >= self.recording.window[0]

    @cached_property
    def ok(self) -> Flags:
        ok: Flags = np.asarray(self.outcome == Outcome.OK.value)
        return ok

    @cached_property
    def failed(self) -> Flags:
        """Neither ok nor stopped by us."""
        stopped: Flags = np.asarray(self.outcome == Outcome.STOPPED.value)
        return ~self.ok & ~stopped

    @cached_property
    def included(self) -> Flags:
        return np.logical_and(self.after_warmup, self.ok)

    @cached_property
    def offsets(self) -> Ints:
        """Where the reads of each stream begin in ``arrivals``; one more element than there are streams."""
        return _offsets(self.column("reads"))

    @cached_property
    def text_reads(self) -> NDArray[np.intp]:
        """The rows of ``arrivals`` that completed at least one text event."""
        return np.flatnonzero(self.recording.arrivals["count"])

    @cached_property
    def text_offsets(self) -> Ints:
        """As ``offsets``, into ``text_reads``."""
        return np.searchsorted(self.text_reads, self.offsets).astype(np.int64)

    @cached_property
    def first_byte(self) -> Ints:
        return self._mark(self.offsets[:-1], self.column("reads") > 0, self.recording.arrivals["at"])

    @cached_property
    def first_token(self) -> Ints:
        return self._text_mark(self.text_offsets[:-1])

    @cached_property
    def last_token(self) -> Ints:
        return self._text_mark(self.text_offsets[1:] - 1)

    @cached_property
    def headers_wait(self) -> Ints:
        return _between(self.column("start"), self.column("headers"))

    @cached_property
    def ttft(self) -> Ints:
        return _between(self.column("start"), self.first_token)

    @cached_property
    def total(self) -> Ints:
        return _between(self.column("start"), self.column("end"))

    @cached_property
    def tokens(self) -> Ints:
        """The server's own count where it told one, else the text events."""
        told = self.column("server_tokens")
        return np.where(told >= 0, told, self.column("text_events"))

    @cached_property
    def tpot(self) -> Ints:
        """Time per output token; none for a stream whose text came as one event."""
        several = (self.column("text_events") > 1) & (self.tokens > 1)
        spread = _between(self.first_token, self.last_token)
        return np.where(several & (spread >= 0), spread // np.maximum(self.tokens - 1, 1), -1)

    @cached_property
    def send_delay(self) -> Ints:
        """From just before the library was called until the server had the whole request, by its own account:
        its clock at the end less the duration that it tells. None of a server that tells neither, of one on
        another host, and after a clock step.
        """
        stamp = self.recording.streams.get("end_stamp_ns")
        if stamp is None or not self.recording.same_host or self.clock_stepped:
            return np.full(len(self.column("start")), -1, dtype=np.int64)
        total, start = self.column("total_ns"), self.column("start")
        (mono, wall), _ = self.recording.clock
        delay = (stamp - total - wall) - (start - mono) - self._drift(start - mono)
        return np.where((stamp >= 0) & (total >= 0), np.maximum(delay, 0), -1)

    def _drift(self, since: Ints) -> Ints:
        """How far the wall clock moved away from the monotonic one, so long after the first tie of the two."""
        (mono, _), (mono_after, _) = self.recording.clock
        drift: Ints = np.rint(since * (self.clock_step_ns / max(mono_after - mono, 1))).astype(np.int64)
        return drift

    @cached_property
    def clock_step_ns(self) -> int:
        """How far wall clock and monotonic clock moved apart during the cell."""
        (mono, wall), (mono_after, wall_after) = self.recording.clock
        return (wall_after - wall) - (mono_after - mono)

    @cached_property
    def clock_stepped(self) -> bool:
        (mono, _), (mono_after, _) = self.recording.clock
        return abs(self.clock_step_ns) > TIE_ERROR_NS + (mono_after - mono) * TIE_ERROR_PPM / 1e6

    @cached_property
    def edges(self) -> tuple[int, int]:
        """The moments between which CPU and switches were counted: as near to the window as was sampled."""
        edges = self.recording.edges
        return (edges[0].at, edges[-1].at) if len(edges) >= 2 else self.recording.window

    @property
    def window_ns(self) -> int:
        return max(0, self.edges[1] - self.edges[0])

    @cached_property
    def window_tokens(self) -> float:
        """Tokens that arrived between the edges, on any stream; where events are fewer, each weighs more."""
        begin, end = self.edges
        arrivals = self.recording.arrivals
        inside = (arrivals["at"] >= begin) & (arrivals["at"] < end)
        running = _offsets(arrivals["count"] * inside)
        events = np.diff(running[self.offsets])
        weight = self.tokens / np.maximum(self.column("text_events"), 1)
        return float((events * weight).sum())

    def gaps(self, chosen: Flags | None = None) -> Tokens:
        """Gaps between the token arrivals within each of the ``chosen`` streams (default: those that count).

        Events of one read share its stamp, so all but the first of them add a gap of 0.
        """
        chosen = self.included if chosen is None else chosen
        number = np.diff(self.text_offsets)
        rows = self._rows(chosen, number)
        at = self.recording.arrivals["at"][rows]
        owners = np.flatnonzero(chosen & (number > 0)).astype(np.int32)
        number = number[owners]
        gaps = np.diff(at)
        gaps = np.delete(gaps, np.cumsum(number)[:-1] - 1)
        owner = np.repeat(owners, number - 1)
        shared = self.column("text_events")[owners] - number
        if shared.any():
            gaps = np.concatenate([gaps, np.zeros(int(shared.sum()), dtype=np.int64)])
            owner = np.concatenate([owner, np.repeat(owners, shared)])
        return Tokens(gaps, owner)

    def lags(self, chosen: Flags | None = None) -> Tokens | None:
        """Arrival minus the server's stamp per text event of the ``chosen`` streams that carry stamps.

        ``None`` when there is none or a clock step voids it. From another host only the differences within
        a stream mean anything: see :func:`relative`.
        """
        if self.clock_stepped:
            return None
        chosen = self.included if chosen is None else chosen
        stamped, events = self.column("stamped"), self.column("text_events")
        chosen = chosen & (stamped > 0) & (stamped == events)
        if not chosen.any():
            return None
        rows = self._rows(chosen, np.diff(self.text_offsets))
        at, count = self.recording.arrivals["at"][rows], self.recording.arrivals["count"][rows]
        del rows
        if (count > 1).any():
            at = np.repeat(at, count)
        us = self.recording.stamps["us"]
        if not chosen.all():
            us = us[np.repeat(chosen, stamped)]
        owners = np.flatnonzero(chosen).astype(np.int32)
        owner = np.repeat(owners, events[owners])
        (mono, wall), _ = self.recording.clock
        lag = at - mono
        if self.clock_step_ns:
            lag += self._drift(lag)
        lag -= np.repeat(self.column("first_stamp_ns")[owners] - wall, events[owners])
        lag -= us.astype(np.int64) * 1000
        return Tokens(lag, owner)

    def _mark(self, rows: Ints, there: Flags, values: Ints) -> Ints:
        marks = np.full(len(rows), -1, dtype=np.int64)
        marks[there] = values[rows[there]]
        return marks

    def _text_mark(self, positions: Ints) -> Ints:
        there = np.diff(self.text_offsets) > 0
        marks = np.full(len(positions), -1, dtype=np.int64)
        marks[there] = self.recording.arrivals["at"][self.text_reads[positions[there]]]
        return marks

    def _rows(self, chosen: Flags, number: Ints) -> NDArray[np.intp]:
        return self.text_reads if chosen.all() else self.text_reads[np.repeat(chosen, number)]


def relative(lags: Tokens) -> Ints:
    """Each lag above the least lag of its own stream; needs no common clock."""
    if not len(lags.values):
        return lags.values
    begins = np.flatnonzero(np.diff(lags.owner, prepend=np.int32(-1)))
    least = np.minimum.reduceat(lags.values, begins)
    above: Ints = lags.values - np.repeat(least, np.diff(begins, append=len(lags.values)))
    return above


def present(values: Ints) -> Ints:
    """Those that are there."""
    return values[values >= 0]


def _between(earlier: Ints, later: Ints) -> Ints:
    return np.where((earlier >= 0) & (later >= 0), later - earlier, -1)


def _offsets(counts: NDArray[Any]) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
