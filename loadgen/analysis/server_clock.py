"""Whether a server's stamps give delivery lag, and within which bounds. The address of the server proves nothing.

A server's clock differs from ours by an offset: its reading minus ours. A stamp is made after the request was sent and
before its event arrived, so each stream bounds the offset: from below by stamp minus arrival, from above by stamp minus
request. Where the server reports its whole duration too, its last stamp minus that is when it had the request, which
bounds it much closer. The rule, in this order:

1. A stream is *odd*, and has no lag, if its stamps go back; if events that arrived apart have the same one; if one
   jumps ahead of a steady rhythm; or if its own bounds contradict each other.
2. Streams must agree on an offset. One that does not is odd. Several that agree on another one, or half of the
   streams odd, leave the cell without lag; so does a clock that runs differently from ours by more than ``DRIFT``.
3. Stamps must be finer than the lag: their resolution is at most ``HARMLESS_NS``, or a tenth of the 99th percentile.
   Then their differences within a stream give the *relative* lag.
4. A clock on this host's addresses that can be ours is taken for ours, and for one in step with ours where the bounds
   are within ``HARMLESS_NS``; of another clock the offset is in the middle of them. Where that can be wrong by no more
   than ``HARMLESS_NS``, or a tenth of the 99th percentile of the lag, the lag is *absolute*. Otherwise it may be due to
   the clocks, and only the relative one is given; so it is of another host, whose network is not the client.

Random errors of stamps that contradict no bound cannot be seen.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from loadgen.model import ClockFault, Trust

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

HARMLESS_NS = 2_000_000  # below what makes a token late
SHARE = 0.10  # of the 99th percentile
DRIFT = 250e-6  # two clocks that nothing corrects
IN_STEP = 20e-6  # a clock that agrees with ours
TOLERANCE_NS = 100_000  # of reading two clocks one after the other
UNIT_NS = 1_000  # stamps are kept in whole microseconds
CLOSER = 100  # times
JUMP = 3  # median gaps
BEFORE_JUMP = 3  # events of a steady rhythm
MAX_BINS = 256  # of time, for the bounds


@dataclass(frozen=True, slots=True)
class Stamped:
    """Streams with a stamp for each text event, as nanoseconds after one moment of our wall clock.

    ``owner`` is the place of each event's stream. ``received`` is when the server had the request, by its own clock
    and duration; where ``known`` is false it does not say. ``unit_ns`` is the resolution of the stamps.
    """

    sent: Ints
    received: Ints
    known: Flags
    owner: Ints
    arrived: Ints
    stamps: Ints
    unit_ns: int = UNIT_NS

    @property
    def begins(self) -> Ints:
        """Return where the events of each stream begin."""
        return np.searchsorted(self.owner, np.arange(len(self.sent))).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerClock:
    """What is known of a server's clock: the verdict of one cell.

    The offset goes in a straight line from ``offset_ns[0]`` at ``span_ns[0]`` to ``offset_ns[1]`` at ``span_ns[1]``;
    it is between ``low_ns`` and ``high_ns``. A lag is wrong by at most ``error_ns``. ``odd`` streams have none.
    """

    trust: Trust
    fault: ClockFault | None = None  # why the lag is not absolute
    unit_ns: int = UNIT_NS
    span_ns: tuple[int, int] = (0, 1)
    offset_ns: tuple[float, float] = (0.0, 0.0)
    low_ns: float | None = None
    high_ns: float | None = None
    error_ns: float | None = None
    streams: int = 0
    odd: Flags | None = None
    faults: Counter[ClockFault] = field(default_factory=Counter)

    def offset(self, at: Ints) -> Ints:
        """Return the server's clock minus ours at each moment."""
        return np.rint(np.interp(at, self.span_ns, self.offset_ns)).astype(np.int64)


def resolution(first: Ints, us: NDArray[np.int32] | Ints) -> int:
    """Return what all stamps are multiples of: 10**9 for whole seconds. ``us`` are microseconds after the first."""
    some = np.concatenate([np.abs(first[:10_000]), np.abs(us[:100_000].astype(np.int64)) * 1000])
    step = int(np.gcd.reduce(some)) if len(some) else 0
    return max(UNIT_NS, math.gcd(step, 10**9) if step else 0)


def judge(of: Stamped, *, here: bool) -> ServerClock:
    """Return the verdict on one cell. ``here``: the server is behind an address of this host."""
    streams = len(of.sent)
    odd = np.zeros(streams, dtype=np.bool_)
    faults: Counter[ClockFault] = Counter()

    def nothing(fault: ClockFault) -> ServerClock:
        return ServerClock(
            trust=Trust.NONE, fault=fault, unit_ns=of.unit_ns, streams=streams, odd=odd, faults=faults
        )

    if not streams:
        return nothing("missing")
    if np.ptp(of.arrived) and not np.ptp(of.stamps) and np.abs(of.arrived - of.stamps).max() > 2 * of.unit_ns:
        return nothing("still")
    low, high = _bounds(of)
    spans = of.arrived[np.append(of.begins[1:], len(of.owner)) - 1] - of.sent
    checks: tuple[tuple[ClockFault, Flags], ...] = (
        ("backwards", _any(of, _backwards(of))),
        ("still", _still(of)),
        ("jump", _jumps(of)),
        ("contradiction", low > high + DRIFT * spans),
    )
    for fault, found in checks:
        faults[fault] += int((found & ~odd).sum())
        odd |= found
    if 2 * odd.sum() >= streams:
        return nothing(faults.most_common(1)[0][0])
    slack = DRIFT / 2 * float(np.ptp(np.append(of.arrived, of.sent)))
    agreed, alike = _majority(low - slack, high + slack, ~odd)
    others = ~agreed & ~odd
    if alike or 2 * others.sum() >= streams:
        return nothing("unsteady")
    faults["offset"] += int(others.sum())
    odd |= others
    faults += Counter()  # without zeros

    line = _line(of, odd, here=here)
    if line is None:
        return nothing("unsteady")
    clock = ServerClock(
        trust=Trust.ABSOLUTE,
        unit_ns=of.unit_ns,
        span_ns=line.span,
        offset_ns=line.offset,
        low_ns=min(low for low, _ in line.bounds),
        high_ns=max(high for _, high in line.bounds),
        error_ns=line.error + of.unit_ns / 2,
        streams=streams,
        odd=odd,
        faults=faults,
    )
    return _graded(of, clock, odd, line.drift, here=here)


def _graded(of: Stamped, clock: ServerClock, odd: Flags, drift: float, *, here: bool) -> ServerClock:
    """Return the clock with what its bounds are good for, against the lag that they give."""
    events = ~odd[of.owner]
    lag = (of.arrived - of.stamps + clock.offset(of.arrived) - of.unit_ns // 2)[events]
    longest = float((of.arrived - of.sent[of.owner])[events].max())
    if of.unit_ns > _allowed(above_least(lag, of.owner[events])):
        return replace(clock, trust=Trust.NONE, fault="coarse", error_ns=None)
    if here and clock.error_ns is not None and clock.error_ns <= _allowed(lag):
        return clock
    error = of.unit_ns + drift * longest
    return replace(clock, trust=Trust.RELATIVE, fault="loose" if here else "host", error_ns=error)


def above_least(lag: Ints, owner: NDArray[Any]) -> Ints:
    """Return each lag minus the least lag of its own stream; this needs no common clock."""
    if not len(lag):
        return lag
    begins = np.flatnonzero(np.diff(owner, prepend=owner.dtype.type(-1)))
    least = np.minimum.reduceat(lag, begins)
    above: Ints = lag - np.repeat(least, np.diff(begins, append=len(lag)))
    return above


def _allowed(lag: Ints) -> float:
    return max(HARMLESS_NS, SHARE * float(np.percentile(lag, 99, method="inverted_cdf")))


def _bounds(of: Stamped) -> tuple[Ints, Ints]:
    """Return between what each stream puts the offset."""
    low = np.maximum.reduceat(of.stamps - of.arrived, of.begins)
    first = of.stamps[of.begins]
    high = np.where(of.known, np.minimum(of.received, first), first) - of.sent
    return low, high + of.unit_ns + TOLERANCE_NS


def _any(of: Stamped, events: Flags) -> Flags:
    return np.logical_or.reduceat(events, of.begins)


def _backwards(of: Stamped) -> Flags:
    back = np.diff(of.stamps, prepend=of.stamps[:1]) < 0
    back[of.begins] = False
    return back


def _still(of: Stamped) -> Flags:
    """Return the streams with one stamp for events that arrived apart, or with stamps far closer than their events."""
    apart = max(HARMLESS_NS, 2 * of.unit_ns)
    changed = np.diff(of.stamps, prepend=of.stamps[:1]) != 0
    changed[of.begins] = True
    since = np.maximum.accumulate(np.where(changed, np.arange(len(changed)), 0))
    ends = np.append(of.begins[1:], len(of.owner)) - 1
    arrived, stamped = (each[ends] - each[of.begins] for each in (of.arrived, of.stamps))
    closer: Flags = arrived > apart + CLOSER * np.maximum(stamped, 0)
    return _any(of, of.arrived - of.arrived[since] > apart) | closer


def _jumps(of: Stamped) -> Flags:
    """Return the streams in which all lag vanishes at once, in one gap, after a steady rhythm: the clock was set."""
    jumped = np.zeros(len(of.sent), dtype=np.bool_)
    delay = of.arrived - of.stamps
    gaps, arrivals = np.diff(of.stamps), np.diff(of.arrived)
    within = np.diff(of.owner) == 0
    if not within.any():
        return jumped
    usual = max(float(np.median(gaps[within])), float(np.median(arrivals[within])))
    dropped = gaps - arrivals
    limit = JUMP * usual + HARMLESS_NS + 2 * of.unit_ns
    begins = of.begins
    for place in np.flatnonzero(within & (dropped > limit)).tolist():
        stream = of.owner[place]
        before = delay[begins[stream] : place + 1]
        if len(before) >= BEFORE_JUMP and before.min() - delay[place + 1] > dropped[place] / 2:
            jumped[stream] = True
    return jumped


def _majority(low: NDArray[Any], high: NDArray[Any], among: Flags) -> tuple[Flags, bool]:
    """Return which streams agree on the offset that most of them allow, and whether others agree on another one."""
    agreed = _deepest(low, high, among)
    others = among & ~agreed
    return agreed, bool(others.any() and _deepest(low, high, others).sum() > 1)


def _deepest(low: NDArray[Any], high: NDArray[Any], among: Flags) -> Flags:
    starts, ends = np.sort(low[among]), np.sort(high[among])
    covered = np.arange(1, len(starts) + 1) - np.searchsorted(ends, starts)
    best = starts[int(np.argmax(covered))]
    found: Flags = among & (low <= best) & (high >= best)
    return found


class _Line(NamedTuple):
    span: tuple[int, int]
    offset: tuple[float, float]
    bounds: tuple[
        tuple[float, float], tuple[float, float]
    ]  # of the offset at the begin and the end of the span
    error: float  # by how much it may be wrong
    drift: float  # by how much its slope may be wrong


def _line(of: Stamped, odd: Flags, *, here: bool) -> _Line | None:
    """Return the offset over the cell with its bounds; ``None`` where no clock of steady drift is within them all."""
    events = ~odd[of.owner]
    span = int(of.sent.min()), int(of.arrived.max())
    lows = _binned(of.arrived[events], (of.stamps - of.arrived)[events], span, np.maximum)
    low, high = _bounds(of)
    highs = _binned(of.sent[~odd], high[~odd], span, np.minimum)
    ours = here and lows.bound.max() <= TOLERANCE_NS and highs.bound.min() >= 0
    in_step = ours and highs.bound.min() - lows.bound.max() <= HARMLESS_NS
    slopes = _slopes(lows, highs, IN_STEP if in_step else DRIFT)
    if slopes is None:
        return None
    least, most = slopes
    bounds = tuple(
        (
            float((lows.bound + below * (at - lows.at)).max()),
            float((highs.bound + above * (at - highs.at)).min()),
        )
        for at, below, above in ((span[0], most, least), (span[1], least, most))
    )
    begin, end = bounds
    offset = (0.0, 0.0) if ours else ((begin[0] + begin[1]) / 2, (end[0] + end[1]) / 2)
    slope = (offset[1] - offset[0]) / max(span[1] - span[0], 1)
    # Bounds that leave less than the best stream does are those of a clock that no line describes.
    error = max(
        float(np.abs(np.array(bounds) - np.array(offset)[:, None]).max()),
        float((high - low)[~odd].min()) / 2,
    )
    return _Line(span, offset, (begin, end), error, max(most - slope, slope - least))


class _Bounds(NamedTuple):
    at: Floats
    bound: Floats


def _binned(at: Ints, bound: Ints, span: tuple[int, int], best: np.ufunc) -> _Bounds:
    """Return the tightest bound in each stretch of the cell."""
    place = (at - span[0]) * (MAX_BINS - 1) // max(span[1] - span[0], 1)
    tightest = np.zeros(MAX_BINS, np.int64)
    tightest[place] = bound  # any of each
    best.at(tightest, place, bound)
    rows = np.flatnonzero(bound == tightest[place])
    rows = rows[np.unique(place[rows], return_index=True)[1]]
    return _Bounds(at[rows].astype(float), bound[rows].astype(float))


def _slopes(lows: _Bounds, highs: _Bounds, most: float) -> tuple[float, float] | None:
    """Return the least and the greatest slope, up to ``most``, of a line that is above ``lows`` and below ``highs``."""
    apart = lows.at[:, None] - highs.at[None, :]
    rise = lows.bound[:, None] - highs.bound[None, :]
    if (rise[apart == 0] > 0).any():
        return None
    later, earlier = apart > 0, apart < 0
    least = max(-most, (rise[later] / apart[later]).max(initial=-np.inf))
    greatest = min(most, (rise[earlier] / apart[earlier]).min(initial=np.inf))
    return (least, greatest) if least <= greatest else None
