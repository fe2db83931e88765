"""Where delivery lag came from: every late token, with the cause that its evidence supports.

The delay of a token is its lag plus how late the simulator sent it; the first token of a stream also waited while its
request was on the way. For each token delayed beyond the budget, these parts of the delay are explained by

``server``
    how late it was sent, by the simulator's own log; for a first token also the time that the server was late with
    other sends while the request was on the way,
``connect``
    the time until the client had sent the request, minus what is explained below and the time in which its connection
    was opened: it waited for one,
``unreceived``
    the rest of the time until the server had the request: it was on its way, or waited to be accepted. Where it is not
    known when the request was sent, that is all of it,
``stopped``, ``throttled``
    the time in which a signal or a debugger had stopped the engine, or a CPU quota kept it from running,
``gc``
    collections of the engine's garbage collector within the wait,
``cpu``
    the time that the loop's thread was runnable but not running; of a client on threads the share of its stream's
    waits that its thread spent so, minus the time that the engine ran,
``busy``
    asyncio's turns of a millisecond or more; of other engines the CPU that they used: another thread or callback
    of theirs had the GIL or the core,
``coalesced``
    how much older it is than the last token of its read,
``opening``
    the name lookup, TCP and TLS of the stream's own connection: the network's and the server's doing as much as the
    client's, and the last to be blamed.

The first that explains half of the delay is its cause. Where only several together do, it is the one that explains
most; the rest stays ``unexplained``. Turns of the loop and collections are known exactly, the others from samples a
hundredth of a second apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadgen.analysis.measures import BLOCK_READS, SENT_ERROR_NS, Flags, Ints, Measured, Times
from loadgen.analysis.repeats import Repeat, included, repeats_of
from loadgen.model import PAUSES, Cause, Delay, DelayFinding, Recording, Run, Summary

BUDGET_NS = 3_000_000
MAX_TOKENS = 1_000_000  # late tokens of a recording that are examined
MIN_EXPLAINED = 0.5  # share of a delay that its cause explains
CAUSES = tuple(Cause)
CLIENTS = frozenset({Cause.CONNECT, Cause.GC, Cause.BUSY, Cause.COALESCED})
"""Causes that are the client's doing."""

NOBODYS = frozenset({Cause.UNRECEIVED, Cause.UNEXPLAINED})
"""Causes that are not known to be anybody's doing."""


Floats = NDArray[np.float64]
Curve = tuple[Ints, Ints]  # moments, and how many nanoseconds were spent so by then


@dataclass(frozen=True, slots=True)
class Delays:
    """``late`` of ``tokens`` were late: by how much (ns), why (place in ``CAUSES``), and which are their stream's
    ``first``. Where they are very many, these are of an even selection of them.
    """

    delay: Ints
    cause: NDArray[np.intp]
    first: Flags
    late: int
    tokens: int


def findings(run: Run, summaries: Iterable[Summary], budget_ns: int = BUDGET_NS) -> list[DelayFinding]:
    """Return one for every client and level with a late token, over the included repeats."""
    repeats = repeats_of(run.recordings)
    found = []
    for summary in summaries:
        if summary.client.control:
            continue
        delays = [part for repeat in included(repeats, summary) for part in delays_of(repeat, budget_ns)]
        if any(part.late for part in delays):
            found.append(_finding(summary, delays, budget_ns))
    return found


def delays_of(repeat: Repeat, budget_ns: int = BUDGET_NS) -> Iterator[Delays]:
    """Yield the delays of each part whose lag is known, over the included streams."""
    server = repeat.recording.server  # the first part has it for all
    sends = np.frombuffer(server.late if server else b"", dtype="<i8").reshape(-1, 2)
    sends = sends[np.argsort(sends[:, 1], kind="stable")]
    for m in repeat.parts:
        delays = m.recording.shelf.get(f"delays {budget_ns}", partial(_delays, m, sends, budget_ns))
        if delays is not None:
            yield delays


def _delays(m: Measured, sends: Ints, budget_ns: int) -> Delays | None:
    lags = m.lags()
    return None if lags is None else _explained(m, lags, sends, budget_ns)


def by_cause(repeats: Iterable[Repeat], *, first: bool) -> dict[Cause, float]:
    """Return the share of each cause in the sum of the delays: of ``first`` tokens, or of the others.

    Empty where nothing was late, or nothing was recorded that would show a cause.
    """
    found = Counter[Cause]()
    for repeat in repeats:
        if all(len(m.recording.cpu_samples) for m in repeat.parts):
            for delays in delays_of(repeat):
                of = delays.first == first
                time = np.bincount(delays.cause[of], weights=delays.delay[of], minlength=len(CAUSES))
                found.update(dict(zip(CAUSES, time.tolist(), strict=True)))
    return {cause: time / found.total() for cause, time in found.items() if time}


def _finding(summary: Summary, delays: Sequence[Delays], budget_ns: int) -> DelayFinding:
    delay = np.concatenate([part.delay for part in delays])
    cause = np.concatenate([part.cause for part in delays])
    weight = np.repeat(
        [part.late / max(len(part.delay), 1) for part in delays], [len(p.delay) for p in delays]
    )
    late = sum(part.late for part in delays)
    share = np.bincount(cause, weights=weight, minlength=len(CAUSES)) / late
    time = np.bincount(cause, weights=weight * delay, minlength=len(CAUSES)) / (weight * delay).sum()
    found = [
        Delay(
            cause=CAUSES[place],
            share=float(share[place]),
            delay_share=float(time[place]),
            median_ms=float(np.median(delay[cause == place])) / 1e6,
            max_ms=float(delay[cause == place].max()) / 1e6,
        )
        for place in np.argsort(-share, kind="stable").tolist()
        if share[place]
    ]
    return DelayFinding(
        verdict=found[0].cause,
        client=summary.client,
        level=summary.level,
        late=late,
        tokens=sum(part.tokens for part in delays),
        budget_ms=budget_ns / 1e6,
        delays=tuple(found),
    )


def _explained(m: Measured, lags: Times, sends: Ints, budget_ns: int) -> Delays:
    """Return the delays of one part. ``sends`` are those that the server was late with, a row each: due and sent."""
    lag, owner = lags.values, lags.owner
    begins = np.flatnonzero(np.diff(owner, prepend=np.int32(-1)))  # the first tokens
    known = np.zeros(len(m.outcome), dtype=bool)
    known[owner[begins]] = True
    until_received = np.maximum(m.until_received, 0)
    to_wire = np.maximum(m.to_wire, 0)
    sent_late = _late(m, known, owner, sends)
    found = list[tuple[NDArray[np.intp], Ints]]()
    for begin in range(0, len(lag), BLOCK_READS):
        delay = np.maximum(lag[begin : begin + BLOCK_READS], 0) + sent_late[begin : begin + BLOCK_READS]
        own = begins[slice(*np.searchsorted(begins, (begin, begin + BLOCK_READS)))]
        delay[own - begin] += until_received[owner[own]]
        late = np.flatnonzero(delay > budget_ns)
        found.append((begin + late, delay[late]))
    late, delay = (np.concatenate(each) for each in zip(*found, strict=True))
    number = len(late)
    late, delay = (each[:: 1 + number // MAX_TOKENS] for each in (late, delay))
    if not number:
        return Delays(delay, late, late == 0, 0, len(lag))

    share = np.zeros(len(known)) if m.recording.mode == "threads" else None
    seen, last, begin = np.zeros_like(delay), np.zeros_like(late), 0  # last: the last token of each read
    for streams, arrivals, _ in m.blocks():
        text = (arrivals.count > 0) & np.repeat(known[streams], m.streams.reads[streams])
        at, count = arrivals.at[text], arrivals.count[text]
        lasts = begin + np.cumsum(count, dtype=np.int64) - 1
        end = begin + int(count.sum())
        block = slice(*np.searchsorted(late, (begin, end)))
        read = np.searchsorted(lasts, late[block])
        seen[block], last[block] = at[read], lasts[read]
        if share is not None and end > begin:
            tokens = slice(begin, end)
            _waiting(m, lag[tokens], owner[tokens], np.repeat(at, count), until_received, share)
        begin = end
    if share is not None:
        share = share[owner[late]]
    spent = _engine(m.recording)
    server, connect, unreceived, *_, coalesced, opening = explained = np.zeros((len(CAUSES) - 1, len(late)))
    server[:] = sent_late[late]
    *explained[3:-2], busy = spent(seen - np.maximum(lag[late], 0), seen, share)
    coalesced[:] = lag[late] - lag[last]
    # A first one waited before, until the server had the request.
    is_first = np.isin(late, begins, assume_unique=True)
    first = np.flatnonzero(is_first)
    rows = owner[late[first]]
    begun, sent = m.streams.start[rows], m.streams.sent[rows]
    had = begun + until_received[rows]
    opening[first] = np.minimum(np.maximum(m.connecting[rows], 0), until_received[rows])
    least = begun + opening[first].astype(np.int64) + to_wire[rows]
    most = np.where(sent >= 0, np.minimum(sent + SENT_ERROR_NS, had), had)
    hung = _within(_hung(m, sends), least, had)
    *before, busy_before = spent(begun, most, None if share is None else share[first])
    server[first] += hung
    connect[first] = np.maximum(least - begun - busy_before - opening[first], 0)
    unreceived[first] = np.maximum(had - begun - hung - busy_before - connect[first] - opening[first], 0)
    explained[3:-2, first] += before

    together = server + connect + unreceived + coalesced + opening + busy
    together[first] += busy_before
    enough = explained >= MIN_EXPLAINED * delay
    most = np.where(together >= MIN_EXPLAINED * delay, explained.argmax(axis=0), len(CAUSES) - 1)
    cause = np.where(enough.any(axis=0), enough.argmax(axis=0), most)
    return Delays(delay, cause, is_first, number, len(lag))


def _late(m: Measured, known: Flags, owner: NDArray[np.int32], sends: Ints) -> Ints:
    """Return how late each token was sent; 0: in time, or unknown. The server's log names a send by its time, its
    stamps by microseconds.
    """
    late = np.zeros(len(owner), dtype=np.int64)
    if len(sends):
        due, sent = sends.T
        us = m.recording.stamps.us
        if not known.all():
            us = us[np.repeat(known, m.streams.stamped)]
        for begin in range(0, len(owner), BLOCK_READS):
            own = slice(begin, begin + BLOCK_READS)
            stamp = m.streams.first_stamp_ns[owner[own]] + us[own].astype(np.int64) * 1000
            place = np.minimum(np.searchsorted(sent, stamp), len(sent) - 1)
            after = sent[place] - stamp
            same = (after >= 0) & (after < 1000)
            late[own][same] = (sent - due)[place[same]]
    return late


def _hung(m: Measured, sends: Ints) -> Curve:
    """Return when anything that was due was not sent yet, on our clock."""
    (mono, wall), _ = m.recording.clock
    due, sent = (sends - wall + mono).T
    begin = np.minimum.accumulate(due[::-1])[::-1]
    return _passed(np.maximum(begin, np.concatenate([begin[:1], sent[:-1]])), sent)


def _waiting(
    m: Measured, lag: NDArray[Any], owner: NDArray[np.int32], seen: Ints, until_received: Ints, share: Floats
) -> None:
    """Set, per stream of these tokens, the share of the time in which its thread had work that it waited for CPU."""
    begins = np.flatnonzero(np.diff(owner, prepend=np.int32(-1)))
    since = np.diff(seen, prepend=0)
    since[begins] = seen[begins]
    owners = owner[begins]
    busy = np.add.reduceat(np.maximum(np.minimum(lag, since), 0), begins) + until_received[owners]
    share[owners] = np.clip(m.streams.run_wait_ns[owners] / np.maximum(busy, 1), 0, 1)


def _engine(recording: Recording) -> Callable[[Ints, Ints, Floats | None], Floats]:
    """Return a function of the begin and end of intervals, and of the share that each thread waited, where every
    stream has one. It returns a row each: how much of the intervals the engine was stopped, was throttled, collected
    garbage, was ready to run but did not, was busy with something else, and was not idle.
    """
    samples = recording.cpu_samples
    cpu = samples.at, samples.cpu_ns
    known = samples.run_wait_ns >= 0
    at, wait = samples.at[known], samples.run_wait_ns[known]
    # The kernel counts a wait when it ends: what exceeds the time since the last sample belongs to before it.
    waits = at, np.maximum.accumulate((wait - at)[::-1])[::-1] + at
    stops, quotas, collections, turns = (
        _pauses(recording, kind) for kind in ("stopped", "throttled", "gc_pause", "loop_pause")
    )

    def spent(begin: Ints, end: Ints, share: Floats | None) -> Floats:
        stopped, throttled = _within(stops, begin, end), _within(quotas, begin, end)
        length = np.maximum(end - begin - stopped - throttled, 0)
        ran = _within(cpu, begin, end)
        if share is not None:
            waited = np.minimum(share * length, np.maximum(length - ran, 0))
        else:
            until = at[np.minimum(np.searchsorted(at, end), len(at) - 1)] if len(at) else end
            waited = np.minimum(_within(waits, begin, np.maximum(until, end)), length)
        # asyncio's own loop always reports one turn: that in which the engine waited for its start.
        worked = _within(turns, begin, end) if len(turns[0]) else ran
        busy = stopped + throttled + np.minimum(np.maximum(waited + ran, worked), length)
        return np.stack([stopped, throttled, _within(collections, begin, end), waited, worked, busy])

    return spent


def _pauses(recording: Recording, kind: str) -> Curve:
    pauses = recording.pauses.rows(recording.pauses.kind == PAUSES.index(kind))
    order = np.argsort(pauses.begin)
    return _passed(pauses.begin[order], pauses.end[order])


def _passed(begin: Ints, end: Ints) -> Curve:
    """Return the curve of intervals one after the other."""
    passed = np.cumsum(end - begin)
    return np.stack([begin, end], axis=1).ravel(), np.stack([passed - (end - begin), passed], axis=1).ravel()


def _within(curve: Curve, begin: Ints, end: Ints) -> Floats:
    if not len(curve[0]):
        return np.zeros(len(begin))
    passed: Floats = np.clip(np.interp(end, *curve) - np.interp(begin, *curve), 0, end - begin)
    return passed
