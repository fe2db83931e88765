"""The vectors of one recording: times per stream, per gap between tokens, and the delivery lag per token.

Vectors are int64 nanoseconds; in vectors per stream, -1 is "not measured".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from loadgen.analysis import plausible, server_clock
from loadgen.analysis.goodput import Judged, judged
from loadgen.analysis.model_loads import waited
from loadgen.analysis.parts import Parts, parts
from loadgen.analysis.server_clock import ServerClock, Stamped
from loadgen.model import ArrivalTable, Outcome, Recording, StreamTable, Trust

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Value = TypeVar("Value")

BLOCK_READS = 1 << 19  # what is computed at once
MAX_US = 4 * 10**15  # a century; more overflows
_INT32 = np.iinfo(np.int32)
TIE_ERROR_NS = 1_000_000
SENT_ERROR_NS = 4_000_000  # the kernel counts in ticks of so many
TIE_ERROR_PPM = 500  # what a clock may be slewed by while it is steered


@dataclass(frozen=True, slots=True)
class Times:
    """A value for each stream, gap or text event; ``owner`` is the row of the stream that each belongs to.

    Very many values are int32 where all of them fit, below 2.1 s: they take half the memory and time.
    """

    values: NDArray[Any]
    owner: NDArray[np.int32]


class vector(Generic[Value]):
    """A property that is computed once for each recording, and again only where there was no room to keep it."""

    def __init__(self, make: Callable[[Measured], Value]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, m: None, owner: type) -> Self: ...
    @overload
    def __get__(self, m: Measured, owner: type) -> Value: ...
    def __get__(self, m: Measured | None, owner: type) -> Self | Value:
        if m is None:
            return self
        return m.recording.shelf.get(self._make.__name__, lambda: self._make(m))


@dataclass(frozen=True, slots=True)
class Reads:
    """Marks of each stream, -1 where there is none, and how many of its reads completed a text event."""

    first_byte: Ints
    first_token: Ints
    last_token: Ints
    number: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Measured:
    """The vectors of one recording, one element per row of its ``streams``. Each is computed when it is first read."""

    recording: Recording

    @property
    def streams(self) -> StreamTable:
        return self.recording.streams

    @vector
    def outcome(self) -> NDArray[Any]:
        """Return how each stream ended."""
        return self.streams.outcome.astype(object, copy=False)

    @property
    def has_tokens(self) -> bool:
        return self.recording.workload.has_tokens

    @vector
    def silent(self) -> Flags:
        """Return which completed streams carried no output."""
        silent: Flags = self.ok & (self.streams.text_events == 0)
        return silent if self.has_tokens else np.zeros_like(silent)

    @property
    def _none(self) -> Ints:
        return np.full(len(self.streams), -1, dtype=np.int64)

    @vector
    def after_warmup(self) -> Flags:
        """Return which streams were due after the warm-up, however they ended."""
        return self.streams.due >= self.recording.window[0]

    @vector
    def ok(self) -> Flags:
        """Return which streams completed."""
        ok: Flags = np.equal(self.outcome, Outcome.OK.value).astype(np.bool_)
        return ok

    @vector
    def failed(self) -> Flags:
        """Return which streams failed: neither ok nor stopped by the load."""
        stopped: Flags = np.equal(self.outcome, Outcome.STOPPED.value).astype(np.bool_)
        return ~self.ok & ~stopped

    @vector
    def failure_wait_ns(self) -> int:
        """Return how long slots waited after failures before their next stream, summed over the slots."""
        of = self.streams
        order = np.lexsort((of.start, of.slot))
        slot, waited = of.slot[order], of.due[order][1:] - of.end[order][:-1]
        counted = self.failed[order][:-1] & (slot[1:] == slot[:-1]) & (waited > 0)
        return int(waited[counted].sum())

    @vector
    def included(self) -> Flags:
        """Return which streams count for latencies: due after the warm-up, and ok."""
        return np.logical_and(self.after_warmup, self.ok)

    @vector
    def offsets(self) -> Ints:
        """Return where the reads of each stream begin in ``arrivals``, and at last where they end."""
        return _offsets(self.streams.reads)

    @vector
    def text_reads(self) -> NDArray[np.intp]:
        """Return the rows of ``arrivals`` that completed at least one text event."""
        return np.flatnonzero(self.recording.arrivals.count)

    @vector
    def text_offsets(self) -> Ints:
        """Return where the reads of each stream begin in ``text_reads``, and at last where they end."""
        return _offsets(self._reads.number)

    def blocks(self) -> Iterator[tuple[slice, ArrivalTable, Ints]]:
        """Yield the streams in blocks: which, their arrivals, and where in these each begins and the last one ends."""
        offsets, begin = self.offsets, 0
        while begin < len(offsets) - 1:
            end = max(int(np.searchsorted(offsets, offsets[begin] + BLOCK_READS, "right")) - 1, begin + 1)
            rows = self.recording.arrivals.rows(slice(int(offsets[begin]), int(offsets[end])))
            yield slice(begin, end), rows, offsets[begin : end + 1] - offsets[begin]
            begin = end

    @vector
    def _reads(self) -> Reads:
        """Return the marks of the reads of each stream."""
        none, number = self._none, np.zeros(len(self.streams), dtype=np.int32)
        found = Reads(none, none.copy(), none.copy(), number)
        for streams, arrivals, offsets in self.blocks():
            text = np.flatnonzero(arrivals.count)
            begins = _offsets(arrivals.count > 0)[offsets]
            there, read = np.diff(begins) > 0, np.diff(offsets) > 0
            found.number[streams] = np.diff(begins)
            found.first_byte[streams][read] = arrivals.at[offsets[:-1][read]]
            found.first_token[streams][there] = arrivals.at[text[begins[:-1][there]]]
            found.last_token[streams][there] = arrivals.at[text[begins[1:][there] - 1]]
        return found

    @property
    def first_byte(self) -> Ints:
        return self._reads.first_byte

    @vector
    def ttfb(self) -> Ints:
        """Return the time from the start to the first byte of the body, where tokens do not count; otherwise -1."""
        return _between(self.streams.start, self.first_byte) if not self.has_tokens else self._none

    @property
    def first_token(self) -> Ints:
        return self._reads.first_token

    @property
    def last_token(self) -> Ints:
        return self._reads.last_token

    @vector
    def headers_wait(self) -> Ints:
        """Return the time from the start to the headers."""
        return _between(self.streams.start, self.streams.headers)

    @vector
    def ttft(self) -> Ints:
        """Return the time from the start to the first token."""
        return _between(self.streams.start, self.first_token)

    @vector
    def connecting(self) -> Ints:
        """Return how long each stream took to open its connection, 0 where it used one again.

        -1 where its client does not report that, or opened none.
        """
        of = self.streams
        took: Ints = np.maximum([of.dns_ns, of.connect_ns, of.tls_ns], 0).sum(axis=0)
        return took if took.any() else np.full(len(took), -1)

    @vector
    def ttft_connected(self) -> Ints:
        """Return the TTFT without the time in which the stream's connection was opened."""
        return np.where((self.ttft >= 0) & (self.connecting >= 0), self.ttft - self.connecting, -1)

    @vector
    def answer_ttft(self) -> Ints:
        """Return the time from the start to the first output that is no thinking."""
        return _between(self.streams.start, self.streams.first_answer)

    @vector
    def total(self) -> Ints:
        """Return the time from the start to the end."""
        return _between(self.streams.start, self.streams.end)

    @vector
    def scheduled(self) -> Flags:
        """Return which streams an open load scheduled; one of a closed loop is due when the one before has ended."""
        scheduled: Flags = self.streams.held_ns >= 0
        return scheduled

    @property
    def held(self) -> Ints:
        """Return how long each stream of an open load waited because as many were open as may be."""
        return self.streams.held_ns

    @vector
    def start_delay(self) -> Ints:
        """Return the time from when a stream was due, and no longer held back, to its start."""
        of = self.streams
        delay: Ints = np.maximum(of.start - of.due - np.maximum(of.held_ns, 0), 0)
        return delay

    @vector
    def ttft_corrected(self) -> Ints:
        """Return the time from the schedule to the first token: TTFT + held + start delay."""
        return self._from_schedule(self.ttft)

    @vector
    def total_corrected(self) -> Ints:
        """Return the time from the schedule to the end: total + held + start delay."""
        return self._from_schedule(self.total)

    def _from_schedule(self, times: Ints) -> Ints:
        held = np.maximum(self.streams.held_ns, 0)
        return np.where(self.scheduled & (times >= 0), times + held + self.start_delay, -1)

    @vector
    def reported(self) -> StreamTable:
        """Return the streams without the server's figures that cannot be."""
        return plausible.reported(self.streams, self.first_token, self.last_token)

    @vector
    def waited_for_load(self) -> Flags:
        """Return which streams waited for the server to load its model."""
        return waited(self.reported, self.recording.residency)

    @vector
    def parts(self) -> Parts:
        """Return where the time of each stream went."""
        return parts(self.reported, self.send_delay, self.first_token, self.last_token, self.first_lag)

    @vector
    def first_lag(self) -> Ints:
        """Return the delivery lag of the first token of each stream; -1 where it is not known."""
        found = np.full(len(self.streams), -1, dtype=np.int64)
        if self.server_clock.trust is Trust.ABSOLUTE:
            for lag, owner in self._lags(np.ones(len(found), dtype=np.bool_)):
                begins = np.flatnonzero(np.diff(owner, prepend=np.int32(-1)))
                found[owner[begins]] = np.maximum(lag[begins], 0)
        return found

    @vector
    def tokens(self) -> Ints:
        """Return the server's own count of tokens where it reported one, otherwise the number of text events."""
        if not self.has_tokens:
            return self._none
        reported = self.reported.server_tokens
        return np.where(reported >= 0, reported, self.streams.text_events)

    @vector
    def tpot(self) -> Ints:
        """Return the time per output token; -1 for a stream whose text came as one event."""
        several = (self.streams.text_events > 1) & (self.tokens > 1)
        spread = _between(self.first_token, self.last_token)
        return np.where(several & (spread >= 0), spread // np.maximum(self.tokens - 1, 1), -1)

    @vector
    def normalized_latency(self) -> Ints:
        """Return the total time per token; -1 for a stream without a token."""
        known = (self.total >= 0) & (self.tokens > 0)
        return np.where(known, self.total // np.maximum(self.tokens, 1), -1)

    @vector
    def longest_gap(self) -> Ints:
        """Return the longest gap between token arrivals of each stream, 0 for a single token.

        -1 where the times of its tokens are not known: several came as one event, or none.
        """
        number = np.diff(self.text_offsets)
        several = number > 1
        gaps = np.diff(self.recording.arrivals.at[self.text_reads])
        last = self.text_offsets[1:][number > 0] - 1
        gaps[last[last < len(gaps)]] = 0  # from the last token of a stream to the first of the next
        begins = self.text_offsets[:-1][several]
        found = np.where(self._without_times, -1, 0)
        if len(begins):
            found[several] = np.maximum.reduceat(gaps, begins)
        return found

    @property
    def _without_times(self) -> Flags:
        """Return the streams whose tokens have no times of their own."""
        whole = (self.streams.text_events < 2) & (self.tokens > 1)
        return whole if self.recording.workload.stream else np.full(len(whole), True)

    @vector
    def judged(self) -> Judged | None:
        """Return which streams are good; ``None`` where the scenario has no objectives for this client."""
        of = self.recording
        if not (limits := of.workload.slo.of(of.client).limits):
            return None
        since = self.streams.start if of.level.rate is None else self.streams.due
        times = {
            "ttft": _between(since, self.first_token),
            "itl": self.longest_gap,
            "tpot": np.where(self._without_times, -1, np.maximum(self.tpot, 0)),
            "total": _between(since, self.streams.end),
        }
        return judged(limits, times, self.ok, self.failed)

    @vector
    def send_delay(self) -> Ints:
        """Return the time until the server had the request, without opening the connection; -1 where not known."""
        own = np.maximum(self.until_received - np.maximum(self.connecting, 0), 0)
        return np.where(self.until_received >= 0, own, -1)

    @vector
    def until_received(self) -> Ints:
        """Return the time from the start until the server had the whole request, by the server's own clock.

        That is its clock at the end minus the duration that it reports; -1 where it reports neither, and where its
        clock gives no absolute lag.
        """
        clock, start = self.server_clock, self._wall(self.streams.start)
        if clock.trust is not Trust.ABSOLUTE:
            return np.full(len(start), -1, dtype=np.int64)
        received, known = self._received()
        known = known & ~self._odd
        delay = received - clock.offset(start) - start
        return np.where(known, np.maximum(delay, 0), -1)

    @vector
    def server_ttft(self) -> Ints:
        """Return the time from when the server had the request to the first token, by the server's own clock.

        -1 where that is not known, or the stamps of the stream do not fit.
        """
        of, total = self.streams, self.reported.total_ns
        known = self._received()[1] & self._stamped & ~self._odd & (self.server_clock.trust is not Trust.NONE)
        return np.where(known, np.maximum(total - (of.end_stamp_ns - of.first_stamp_ns), -1), -1)

    def _received(self) -> tuple[Ints, Flags]:
        """Return when the server had each request, by its own clock, and where that is known.

        A duration that cannot be is none.
        """
        stamp, total = self.streams.end_stamp_ns, self.reported.total_ns
        known = (stamp >= 0) & (total >= 0) & ~plausible.too_long(self.reported)
        return np.where(known, stamp - self.recording.clock[0][1] - total, 0), known

    def _wall(self, at: Ints) -> Ints:
        """Return moments of the monotonic clock as nanoseconds of the wall clock after it was first read."""
        since = at - self.recording.clock[0][0]
        return since + self._drift(since) if self.clock_step_ns else since

    @property
    def ours(self) -> bool:
        """Return whether the stamps are our simulator's, which reads our clock and stamps what it sends."""
        of = self.recording
        return of.same_host and (of.simulated or of.server is not None)

    @vector
    def server_clock(self) -> ServerClock:
        """Return whether the stamps of the streams give delivery lag. Those of our simulator need no check."""
        stamped = self._stamped
        if self.clock_stepped:
            return ServerClock(trust=Trust.NONE, fault="unsteady", streams=int(stamped.sum()))
        if self.ours:
            return ServerClock(trust=Trust.ABSOLUTE, streams=int(stamped.sum()))
        at, stamps, _ = self._events(stamped)
        received, known = self._received()
        of = Stamped(
            sent=self._wall(self.streams.start[stamped]),
            received=received[stamped],
            known=known[stamped],
            owner=np.repeat(np.arange(int(stamped.sum())), self.streams.stamped[stamped]),
            arrived=at,
            stamps=stamps,
            unit_ns=server_clock.resolution(self.streams.first_stamp_ns[stamped], self.recording.stamps.us),
        )
        return server_clock.judge(of, here=self.recording.same_host)

    @vector
    def _stamped(self) -> Flags:
        """Return the streams of which each text event has a stamp that can be a time since 1970."""
        of = self.streams
        stamped: Flags = (of.stamped > 0) & (of.stamped == of.text_events) & (of.first_stamp_ns >= 0)
        return stamped

    @vector
    def _odd(self) -> Flags:
        """Return the streams whose stamps do not fit."""
        odd = np.zeros(len(self._stamped), dtype=np.bool_)
        if self.server_clock.odd is not None:
            odd[self._stamped] = self.server_clock.odd
        return odd

    @vector
    def to_wire(self) -> Ints:
        """Return the time from the start until the request was sent, at least, without opening the connection.

        -1 where that is not known. It is the client's part of the time before the server had the request:
        :attr:`send_delay`, where that is known.
        """
        of, connecting = self.streams, np.maximum(self.connecting, 0)
        sent = np.maximum(of.sent - of.start - connecting - SENT_ERROR_NS, 0)
        least = np.where(of.sent >= 0, sent, -1)
        return np.where(self.send_delay >= 0, np.minimum(least, self.send_delay), least)

    def _drift(self, since: Ints) -> Ints:
        """Return how far the wall clock had moved against the monotonic one, so long after they were first read."""
        (mono, _), (mono_after, _) = self.recording.clock
        drift: Ints = np.rint(since * (self.clock_step_ns / max(mono_after - mono, 1))).astype(np.int64)
        return drift

    @vector
    def clock_step_ns(self) -> int:
        """Return how far the wall clock moved against the monotonic clock during the cell."""
        (mono, wall), (mono_after, wall_after) = self.recording.clock
        return (wall_after - wall) - (mono_after - mono)

    @vector
    def clock_stepped(self) -> bool:
        """Return whether the wall clock was set: it moved further than NTP would slew it."""
        (mono, _), (mono_after, _) = self.recording.clock
        return abs(self.clock_step_ns) > TIE_ERROR_NS + (mono_after - mono) * TIE_ERROR_PPM / 1e6

    @vector
    def edges(self) -> tuple[int, int]:
        """Return the two moments between which CPU and switches were counted: those sampled nearest to the window."""
        edges = self.recording.edges
        return (edges[0].at, edges[-1].at) if len(edges) >= 2 else self.recording.window

    @property
    def window_ns(self) -> int:
        """Return the length of the window in which CPU and switches were counted."""
        return max(0, self.edges[1] - self.edges[0])

    @vector
    def window_tokens(self) -> float:
        """Return the tokens that arrived between the edges, on any stream.

        Where a stream has fewer text events than tokens, each event counts for several.
        """
        if not self.has_tokens:
            return 0.0
        begin, end = self.edges
        events = self._none
        for streams, arrivals, offsets in self.blocks():
            inside = (arrivals.at >= begin) & (arrivals.at < end)
            events[streams] = np.diff(_offsets(arrivals.count * inside)[offsets])
        weight = self.tokens / np.maximum(self.streams.text_events, 1)
        return float((events * weight).sum())

    @property
    def window_bytes(self) -> int:
        """Return the bytes that arrived between the edges, where the size of each read is known."""
        if not len(sizes := self.recording.sizes.bytes):
            return 0
        at, (begin, end) = self.recording.arrivals.at, self.edges
        return int(sizes[(at >= begin) & (at < end)].sum())

    def read_gaps(self) -> Times:
        """Return the gaps between reads within each of the included streams, where tokens do not count."""
        reads = self.streams.reads
        if self.has_tokens or not len(self.recording.arrivals):
            return Times(np.zeros(0, np.int64), np.zeros(0, np.int32))
        owner = np.repeat(np.arange(len(reads), dtype=np.int32), reads)
        counted = (owner[1:] == owner[:-1]) & self.included[owner[1:]]
        return Times(np.diff(self.recording.arrivals.at)[counted], owner[1:][counted])

    def gaps(self) -> Times:
        """Return the gaps between token arrivals within each of the included streams.

        Events of one read share its stamp, so all but the first of them add a gap of 0.
        """
        return _collected(self._gaps(), int((self.streams.text_events[self._answered] - 1).sum()))

    @property
    def _answered(self) -> Flags:
        """Return the included streams with a token."""
        return np.logical_and(self.included, self._reads.number > 0)

    def _gaps(self) -> Iterator[tuple[Ints, NDArray[np.int32]]]:
        included = self._answered
        for streams, arrivals, _ in self.blocks():
            own = included[streams]
            owners = (streams.start + np.flatnonzero(own)).astype(np.int32)
            number = self._reads.number[owners]
            text = np.repeat(own, self.streams.reads[streams]) & (arrivals.count > 0)
            gaps = np.delete(np.diff(arrivals.at[text]), np.cumsum(number)[:-1] - 1)
            shared = self.streams.text_events[owners] - number
            # all but the first of those that share a stamp add a gap of 0, which is there
            owner = np.concatenate([np.repeat(owners, number - 1), np.repeat(owners, shared)])
            yield np.concatenate([gaps, np.zeros(len(owner) - len(gaps), dtype=np.int64)]), owner

    def lags(self, streams: Flags | None = None) -> Times | None:
        """Return arrival minus the server's send time, never negative, per text event of those of the ``streams``
        whose stamps fit; by default of the included ones.

        ``None`` when there is none, or the server's clock gives no absolute lag.
        """
        if self.server_clock.trust is not Trust.ABSOLUTE:
            return None
        streams = self.included if streams is None else streams
        found = ((np.maximum(lag, 0), owner) for lag, owner in self._lags(streams))
        return self._of_events(found, streams)

    def relative_lags(self) -> Times | None:
        """Return each lag minus the least of its own stream; this needs no clock in common with the server."""
        if self.server_clock.trust is Trust.NONE:
            return None
        found = ((server_clock.above_least(lag, owner), owner) for lag, owner in self._lags(self.included))
        return self._of_events(found, self.included)

    def _of_events(self, found: Iterable[tuple[Ints, NDArray[np.int32]]], streams: Flags) -> Times | None:
        streams = streams & self._fitting
        return _collected(found, int(self.streams.text_events[streams].sum())) if streams.any() else None

    @property
    def _fitting(self) -> Flags:
        """Return the streams whose stamps fit."""
        return self._stamped & ~self._odd

    def _lags(self, streams: Flags) -> Iterator[tuple[Ints, NDArray[np.int32]]]:
        """Yield the lags of the ``streams`` whose stamps fit, of whole streams at once, and whose each is."""
        streams = streams & self._fitting
        if not streams.any():
            return
        clock, first = self.server_clock, 0
        for block, arrivals, _ in self.blocks():
            own, stamped = streams[block], self.streams.stamped[block]
            stamps = self.recording.stamps.rows(slice(first, first := first + int(stamped.sum())))
            at, sent, owner = self._sent(own, block, arrivals, stamps.us)
            lag = at - sent
            if not self.ours:
                lag += clock.offset(at) - clock.unit_ns // 2  # they were cut to that unit
            yield lag, owner

    def _events(self, streams: Flags) -> tuple[Ints, Ints, NDArray[np.int32]]:
        """Return arrival, stamp and stream of each text event of these streams, by the wall clock since it was read."""
        of = self.recording
        return self._sent(streams, slice(0, len(streams)), of.arrivals, of.stamps.us)

    def _sent(
        self, chosen: Flags, block: slice, arrivals: ArrivalTable, us: NDArray[Any]
    ) -> tuple[Ints, Ints, NDArray[np.int32]]:
        """Return :meth:`_events` of the ``chosen`` streams of a block, of which there are arrivals and stamps."""
        of = self.streams
        text = arrivals.count > 0
        if not chosen.all():
            text &= np.repeat(chosen, of.reads[block])
            us = us[np.repeat(chosen, of.stamped[block])]
        at, count = arrivals.at[text], arrivals.count[text]
        if (count > 1).any():
            at = np.repeat(at, count)
        owners = (block.start + np.flatnonzero(chosen)).astype(np.int32)
        events, (_, wall) = of.text_events[owners], self.recording.clock[0]
        stamps = np.repeat(of.first_stamp_ns[owners] - wall, events)
        stamps += np.clip(us.astype(np.int64), -MAX_US, MAX_US) * 1000
        return self._wall(at), stamps, np.repeat(owners, events)


def _collected(found: Iterable[tuple[Ints, NDArray[np.int32]]], size: int) -> Times:
    """Return values that come in blocks, ``size`` of them in all, in the narrower type while they fit."""
    values: NDArray[Any] = np.zeros(size, dtype=np.int32)
    owners, place = np.zeros(size, dtype=np.int32), 0
    for each, owner in found:
        if values.dtype == np.int32 and max(each.max(initial=0), -each.min(initial=0)) > _INT32.max:
            values = values.astype(np.int64)
        values[place : place + len(each)] = each
        owners[place : (place := place + len(each))] = owner
    return Times(values, owners)


def present(values: Ints) -> Ints:
    """Return the values that were measured."""
    return values[values >= 0]


def _between(earlier: Ints, later: Ints) -> Ints:
    return np.where((earlier >= 0) & (later >= 0), later - earlier, -1)


def _offsets(counts: NDArray[Any]) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
