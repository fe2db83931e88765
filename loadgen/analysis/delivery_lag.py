"""Where delivery lag came from: every late token, with the cause that its evidence supports.

The delay of a token is its lag plus how late the simulator sent it; the first token of a stream also waited while its
request was on the way. For each token delayed beyond the budget, these parts of the delay are explained by

``server``
    how late it was sent, by the simulator's own log; for a first token also the time that the server was late with
    other sends while the request was on the way,
``connect``
    the time until the server had the request, minus what is explained below,
``gc``
    collections of the engine's garbage collector within the wait,
``cpu``
    the time that the loop's thread was runnable but not running; of a client on threads the share of its stream's
    waits that its thread spent so, minus the time that the engine ran,
``busy``
    asyncio's turns of a millisecond or more; of other engines the CPU that they used: another thread or callback
    of theirs had the GIL or the core,
``coalesced``
    how much older it is than the last token of its read.

The first that explains half of the delay is its cause. Where only several together do, it is the one that explains
most; the rest stays ``unexplained``. Turns of the loop and collections are known exactly, CPU and run-queue waits from
samples a hundredth of a second apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loadgen.analysis.measures import Flags, Ints, Measured
from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.model import (
    PAUSES,
    Cause,
    Delay,
    DelayFinding,
    Recording,
    Run,
    ServerLog,
    Summary,
)

BUDGET_NS = 3_000_000
MAX_TOKENS = 1_000_000  # late tokens of a recording that are examined
MIN_EXPLAINED = 0.5  # share of a delay that its cause explains
CAUSES = tuple(Cause)

Floats = NDArray[np.float64]
Curve = tuple[Ints, Ints]


class Delays(NamedTuple):
    """``late`` of ``tokens`` were late: by how much (ns) and why (place in ``CAUSES``). Where they are very many,
    ``delay`` and ``cause`` are of an even selection of them.
    """

    delay: Ints
    cause: NDArray[np.intp]
    late: int
    tokens: int


def findings(run: Run, summaries: Iterable[Summary], budget_ns: int = BUDGET_NS) -> list[DelayFinding]:
    """Return one for every client and level with a late token, over the included repeats."""
    repeats = repeats_of(run.recordings)
    found = []
    for summary in summaries:
        if summary.client.control:
            continue
        included = {each.repeat for each in summary.rounds}
        delays = [
            part
            for repeat in repeats
            if (repeat.recording.client, repeat.recording.level) == (summary.client, summary.level)
            and repeat.recording.repeat in included
            for part in delays_of(repeat, budget_ns)
        ]
        if any(part.late for part in delays):
            found.append(_finding(summary, delays, budget_ns))
    return found


def delays_of(repeat: Repeat, budget_ns: int = BUDGET_NS) -> Iterator[Delays]:
    """Yield the delays of each part whose lag is known, over the included streams."""
    server = repeat.recording.server  # the first part has it for all
    for m in repeat.parts:
        tokens = _Tokens.of(m, server)
        if tokens is not None:
            yield _explained(m, tokens, budget_ns)


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


@dataclass(frozen=True, slots=True, eq=False)
class _Tokens:
    """Every token of the included streams: ``lag``, ``late`` (how late it was sent; 0: in time, or unknown) and
    ``owner`` (its stream).

    ``hung`` is when anything that was due was not sent yet. ``begins`` are the first tokens of ``owners``; ``at`` is
    a row per read, ``last`` the last token of each.
    """

    lag: Ints
    late: Ints
    hung: Curve
    owner: NDArray[np.int32]
    owners: NDArray[np.intp]
    begins: NDArray[np.intp]
    at: Ints
    last: Ints

    @classmethod
    def of(cls, m: Measured, server: ServerLog | None) -> _Tokens | None:
        """Return the tokens; ``None`` where no lag is known."""
        lags = m.lags() if m.recording.same_host else None
        if lags is None:
            return None
        begins = np.flatnonzero(np.diff(lags.owner, prepend=np.int32(-1)))
        owners = lags.owner[begins].astype(np.intp)
        known = np.zeros(len(m.outcome), dtype=bool)
        known[owners] = True
        rows = m.text_reads[np.repeat(known, np.diff(m.text_offsets))]
        sends = np.frombuffer(server.late if server else b"", dtype="<i8").reshape(-1, 2)
        sends = sends[np.argsort(sends[:, 1], kind="stable")]
        return cls(
            lag=lags.values,
            late=_late(m, known, lags.owner, sends),
            hung=_hung(m, sends),
            owner=lags.owner,
            owners=owners,
            begins=begins,
            at=m.recording.arrivals.at[rows],
            last=np.cumsum(m.recording.arrivals.count[rows], dtype=np.int64) - 1,
        )

    def read(self, tokens: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the reads that delivered these."""
        return tokens if len(self.last) == len(self.lag) else np.searchsorted(self.last, tokens)


def _late(m: Measured, known: Flags, owner: NDArray[np.int32], sends: Ints) -> Ints:
    """Return how late each token was sent. The server's log names a send by its time, its stamps by microseconds."""
    late = np.zeros(len(owner), dtype=np.int64)
    if len(sends):
        due, sent = sends.T
        us = m.recording.stamps.us
        if not known.all():
            us = us[np.repeat(known, m.streams.stamped)]
        stamp = m.streams.first_stamp_ns[owner] + us.astype(np.int64) * 1000
        place = np.minimum(np.searchsorted(sent, stamp), len(sent) - 1)
        after = sent[place] - stamp
        same = (after >= 0) & (after < 1000)
        late[same] = (sent - due)[place[same]]
    return late


def _hung(m: Measured, sends: Ints) -> Curve:
    """Return when the server was late with something, on our clock."""
    (mono, wall), _ = m.recording.clock
    due, sent = (sends - wall + mono).T
    begin = np.minimum.accumulate(due[::-1])[::-1]
    begin = np.maximum(begin, np.concatenate([begin[:1], sent[:-1]]))
    return _passed(begin, sent)


def _explained(m: Measured, tokens: _Tokens, budget_ns: int) -> Delays:
    send_delay = np.maximum(m.send_delay, 0)
    delay = np.maximum(tokens.lag, 0) + tokens.late
    delay[tokens.begins] += send_delay[tokens.owners]
    late = np.flatnonzero(delay > budget_ns)
    number = len(late)
    late = late[:: 1 + number // MAX_TOKENS]
    if not number:
        return Delays(delay[late], late, 0, len(tokens.lag))
    owner, read, delay = tokens.owner[late], tokens.read(late), delay[late]
    lag, seen = tokens.lag[late], tokens.at[read]
    engine = _Engine.of(m.recording)
    share = _waiting(m, tokens, send_delay)[owner] if m.recording.mode == "threads" else None
    explained = np.zeros((len(CAUSES) - 1, len(late)))
    explained[0] = tokens.late[late]
    explained[2:5] = engine.parts(seen - np.maximum(lag, 0), seen, share)
    explained[5] = lag - tokens.lag[tokens.last[read]]
    # A first one waited before, until the server had the request.
    (first,) = np.nonzero(np.isin(late, tokens.begins, assume_unique=True))
    begun = m.streams.start[owner[first]]
    had = begun + send_delay[owner[first]]
    before = share[first] if share is not None else None
    hung = _within(tokens.hung, begun, had)
    busy = engine.busy(begun, had, before)
    explained[0, first] += hung
    explained[1, first] = np.maximum(had - begun - hung - busy, 0)
    explained[2:5, first] += engine.parts(begun, had, before)

    together = (
        explained[0] + explained[1] + explained[5] + engine.busy(seen - np.maximum(lag, 0), seen, share)
    )
    together[first] += busy
    enough = explained >= MIN_EXPLAINED * delay
    most = np.where(together >= MIN_EXPLAINED * delay, explained.argmax(axis=0), len(CAUSES) - 1)
    cause = np.where(enough.any(axis=0), enough.argmax(axis=0), most)
    return Delays(delay, cause, number, len(tokens.lag))


def _waiting(m: Measured, tokens: _Tokens, send_delay: Ints) -> Floats:
    """Return, per stream, the share of the time in which its thread had work that it waited for CPU."""
    share = np.zeros(len(m.outcome))
    seen = tokens.at[tokens.read(np.arange(len(tokens.lag)))]
    before = np.concatenate([seen[:1], seen[:-1]])
    before[tokens.begins] = 0
    busy = np.add.reduceat(np.clip(seen - np.maximum(seen - tokens.lag, before), 0, None), tokens.begins)
    busy += send_delay[tokens.owners]
    share[tokens.owners] = np.clip(m.streams.run_wait_ns[tokens.owners] / np.maximum(busy, 1), 0, 1)
    return share


@dataclass(frozen=True, slots=True, eq=False)
class _Engine:
    """An engine's activity as curves: moments, and how many nanoseconds it had spent so by then."""

    collections: Curve
    turns: Curve
    cpu: Curve
    waits: Curve

    @classmethod
    def of(cls, recording: Recording) -> _Engine:
        samples = recording.cpu_samples
        at, wait = samples.at, samples.run_wait_ns
        known = wait >= 0
        at_known, wait = at[known], wait[known]
        # The kernel counts a wait when it ends: what exceeds the time since the last sample belongs to before it.
        wait = np.maximum.accumulate((wait - at_known)[::-1])[::-1] + at_known
        return cls(
            collections=_pauses(recording, "gc_pause"),
            turns=_pauses(recording, "loop_pause"),
            cpu=(at, samples.cpu_ns),
            waits=(at_known, wait),
        )

    def parts(self, begin: Ints, end: Ints, share: Floats | None) -> Floats:
        """Return a row each: how much of these intervals was garbage collection, waiting for CPU, and other work.

        ``share`` is that of each thread's waits, where every stream has a thread.
        """
        return np.stack(
            [_within(self.collections, begin, end), self.waited(begin, end, share), self.worked(begin, end)]
        )

    def waited(self, begin: Ints, end: Ints, share: Floats | None) -> Floats:
        """Return how much of them it was ready to run but did not run."""
        if share is not None:
            return _least(share * (end - begin), end - begin - self.ran(begin, end))
        moments, _ = self.waits
        if not len(moments):
            return np.zeros(len(begin))
        seen = moments[np.minimum(np.searchsorted(moments, end), len(moments) - 1)]
        return _least(_within(self.waits, begin, np.maximum(seen, end)), end - begin)

    def worked(self, begin: Ints, end: Ints) -> Floats:
        """Return how much of them it was busy with something else."""
        # asyncio's own loop always reports one turn: that in which the engine waited for its start.
        return _within(self.turns, begin, end) if len(self.turns[0]) else self.ran(begin, end)

    def busy(self, begin: Ints, end: Ints, share: Floats | None) -> Floats:
        """Return how much of them it was not idle."""
        known = self.waited(begin, end, share) + self.ran(begin, end)
        return _least(np.maximum(known, self.worked(begin, end)), end - begin)

    def ran(self, begin: Ints, end: Ints) -> Floats:
        """Return how much of them it used CPU."""
        return _within(self.cpu, begin, end)


def _pauses(recording: Recording, kind: str) -> Curve:
    pauses = recording.pauses
    own = np.flatnonzero(pauses.kind == PAUSES.index(kind))
    own = own[np.argsort(pauses.begin[own])]
    return _passed(pauses.begin[own], pauses.end[own])


def _passed(begin: Ints, end: Ints) -> Curve:
    """Return the curve of intervals one after the other."""
    passed = np.cumsum(end - begin)
    return np.stack([begin, end], axis=1).ravel(), np.stack([passed - (end - begin), passed], axis=1).ravel()


def _within(curve: Curve, begin: Ints, end: Ints) -> Floats:
    if not len(curve[0]):
        return np.zeros(len(begin))
    passed: Floats = np.clip(np.interp(end, *curve) - np.interp(begin, *curve), 0, end - begin)
    return passed


def _least(one: Floats, other: Floats | Ints) -> Floats:
    least: Floats = np.minimum(one, other)
    return least
