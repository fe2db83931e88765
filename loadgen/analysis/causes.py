"""Why tokens came late: each that did is put down to the cause that its evidence supports.

A token's delay is its lag and how late the simulator sent it; the first of a stream also waited while its request
was on the way. Those delayed beyond the budget are looked at, and of each as much is explained by

``server``
    how late it left, by the simulator's own record, and when that was late with others while the request was on
    the way,
``connect``
    the time until the server had the request, as far as nothing below explains that,
``gc``
    collections of the engine's garbage collector within the wait,
``run-queue``
    the time that the loop's thread was runnable but not running; of a client on threads the share of its stream's
    waits that its thread spent so, as far as the engine did not run meanwhile,
``held``
    asyncio's turns of a millisecond or more; of other engines the CPU that they used: another thread or callback
    of theirs had the GIL or the core,
``coalesced``
    by how much it is older than the last token of its read.

The first that explains half of the delay is its cause; where only several together do, the one that explains most;
the rest stays ``unexplained``. Turns of the loop and collections are known exactly, CPU and run-queue waits from
looks a hundredth of a second apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loadgen.analysis.measures import Flags, Ints, Measured
from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.model import PAUSES, CpuSample, Effect, Recording, Run, ServerLog, Summary, TextFinding

BUDGET_NS = 3_000_000
MOST = 1_000_000  # late tokens of a recording that are looked at
HALF = 0.5  # of a delay that its cause explains at least
CAUSES: Mapping[str, str] = {  # the most specific first
    "server": "because the server sent them late",
    "connect": "while the request waited for a connection",
    "gc": "during a garbage collection",
    "run-queue": "while the engine was ready to run and had no core",
    "held": "while the loop was held",
    "coalesced": "because the client gave them with later ones, in one read",
    "unexplained": "for no reason that was seen",
}
LATE = "late"  # the effect that says how many of the tokens were late; the others are shares of these
_BY_THREADS = "while the engine's other threads held the GIL or its core"

_NONE: Ints = np.zeros(0, dtype=np.int64)

Floats = NDArray[np.float64]
Curve = tuple[Ints, Ints]


class Delays(NamedTuple):
    """``late`` of so many ``tokens`` came late: how late (ns) and why (place in ``CAUSES``). Where they are very many,
    ``delay`` and ``cause`` are of an even choice of them.
    """

    delay: Ints
    cause: NDArray[np.intp]
    late: int
    tokens: int


def findings(run: Run, summaries: Iterable[Summary], budget_ns: int = BUDGET_NS) -> list[TextFinding]:
    """One for every client and concurrency of which a token came late, over the repeats that count."""
    repeats = repeats_of(run.recordings)
    found = []
    for summary in summaries:
        if summary.client.control:
            continue
        counted = {block["repeat"] for block in summary.rounds}
        own = [
            repeat
            for repeat in repeats
            if (repeat.recording.client, repeat.recording.level) == (summary.client, summary.level)
            and repeat.recording.repeat in counted
        ]
        delays = [part for repeat in own for part in delays_of(repeat, budget_ns)]
        if any(part.late for part in delays):
            found.append(_finding(summary, delays, budget_ns))
    return found


def delays_of(repeat: Repeat, budget_ns: int = BUDGET_NS) -> Iterator[Delays]:
    """Those of each part whose lag is known, over the streams that count."""
    server = repeat.recording.server  # the first part has it for all
    for m in repeat.parts:
        tokens = _Tokens.of(m, server)
        if tokens is not None:
            yield _explained(m, tokens, budget_ns)


def _finding(summary: Summary, delays: Sequence[Delays], budget_ns: int) -> TextFinding:
    delay = np.concatenate([part.delay for part in delays])
    cause = np.concatenate([part.cause for part in delays])
    weight = np.repeat(
        [part.late / max(len(part.delay), 1) for part in delays], [len(p.delay) for p in delays]
    )
    late, tokens = sum(part.late for part in delays), sum(part.tokens for part in delays)
    number = np.bincount(cause, weights=weight, minlength=len(CAUSES)) / late
    time = np.bincount(cause, weights=weight * delay, minlength=len(CAUSES)) / (weight * delay).sum()
    names = list(CAUSES)
    ranked = [place for place in np.argsort(-number, kind="stable").tolist() if number[place]]
    told = {**CAUSES, **({"held": _BY_THREADS} if summary.mode == "threads" else {})}
    return TextFinding(
        kind="cause",
        client=summary.client,
        level=summary.level,
        id=f"{summary.client}@{summary.level.value:g}",
        verdict=names[ranked[0]],
        statement=f"{summary.client} at {summary.level.value:,g}: {late:,} of {tokens:,} tokens "
        f"({_percent(late / tokens)}) came more than {budget_ns / 1e6:g} ms late: "
        + ", ".join(f"{_percent(number[place])} {told[names[place]]}" for place in ranked),
        evidence=tuple(
            f"{names[place]}: {_percent(time[place])} of all that they were late, "
            f"median {np.median(delay[cause == place]) / 1e6:,.1f} ms, at most "
            f"{delay[cause == place].max() / 1e6:,.1f} ms"
            for place in ranked
        ),
        effects=(
            Effect(name=LATE, unit="%", value=100 * late / tokens, client=summary.client.label),
            *(
                Effect(
                    name=names[place],
                    unit="%",
                    value=100 * float(number[place]),
                    client=summary.client.label,
                    note=f"{_percent(time[place])} of all that they were late",
                )
                for place in ranked
            ),
        ),
    )


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.0995 else f"{share:.1%}" if share >= 0.0005 else "under 0.1%"


@dataclass(frozen=True, slots=True, eq=False)
class _Tokens:
    """Every token of the streams that count: ``lag``, ``late`` (how late it left; 0: in time, or unknown) and
    ``owner`` (its stream).

    ``hung`` is when anything that was due had not left. ``begins`` are the first tokens of ``owners``; ``at`` is a
    row per read, ``last`` the last token of each.
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
        """``None`` where no lag is known."""
        lags = m.lags() if m.recording.same_host else None
        if lags is None:
            return None
        begins = np.flatnonzero(np.diff(lags.owner, prepend=np.int32(-1)))
        owners = lags.owner[begins].astype(np.intp)
        told = np.zeros(len(m.outcome), dtype=bool)
        told[owners] = True
        rows = m.text_reads[np.repeat(told, np.diff(m.text_offsets))]
        sends = np.frombuffer(server.late if server else b"", dtype="<i8").reshape(-1, 2)
        sends = sends[np.argsort(sends[:, 1], kind="stable")]
        return cls(
            lag=lags.values,
            late=_late(m, told, lags.owner, sends),
            hung=_hung(m, sends),
            owner=lags.owner,
            owners=owners,
            begins=begins,
            at=m.recording.arrivals["at"][rows],
            last=np.cumsum(m.recording.arrivals["count"][rows], dtype=np.int64) - 1,
        )

    def read(self, tokens: NDArray[np.intp]) -> NDArray[np.intp]:
        """The reads that brought these."""
        return tokens if len(self.last) == len(self.lag) else np.searchsorted(self.last, tokens)


def _late(m: Measured, told: Flags, owner: NDArray[np.int32], sends: Ints) -> Ints:
    """How late each token left. The server's record names a send by its time, as its stamps do in microseconds."""
    late = np.zeros(len(owner), dtype=np.int64)
    if len(sends):
        due, sent = sends.T
        us = m.recording.stamps["us"]
        if not told.all():
            us = us[np.repeat(told, m.column("stamped"))]
        stamp = m.column("first_stamp_ns")[owner] + us.astype(np.int64) * 1000
        place = np.minimum(np.searchsorted(sent, stamp), len(sent) - 1)
        after = sent[place] - stamp
        same = (after >= 0) & (after < 1000)
        late[same] = (sent - due)[place[same]]
    return late


def _hung(m: Measured, sends: Ints) -> Curve:
    """When the server was late with something, on our clock."""
    (mono, wall), _ = m.recording.clock
    due, sent = (sends - wall + mono).T
    begin = np.minimum.accumulate(due[::-1])[::-1]
    begin = np.maximum(begin, np.concatenate([begin[:1], sent[:-1]]))
    return _passed(begin, sent)


def _explained(m: Measured, tokens: _Tokens, budget_ns: int) -> Delays:
    send_delay = np.maximum(m.send_delay, 0)
    delay = np.maximum(tokens.lag, 0) + tokens.late
    delay[tokens.begins] += send_delay[tokens.owners]
    chosen = np.flatnonzero(delay > budget_ns)
    number = len(chosen)
    chosen = chosen[:: 1 + number // MOST]
    if not number:
        return Delays(delay[chosen], chosen, 0, len(tokens.lag))
    owner, read, delay = tokens.owner[chosen], tokens.read(chosen), delay[chosen]
    lag, seen = tokens.lag[chosen], tokens.at[read]
    engine = _Engine.of(m.recording)
    share = _waiting(m, tokens, send_delay)[owner] if m.recording.mode == "threads" else None
    explained = np.zeros((len(CAUSES) - 1, len(chosen)))
    explained[0] = tokens.late[chosen]
    explained[2:5] = engine.took(seen - np.maximum(lag, 0), seen, share)
    explained[5] = lag - tokens.lag[tokens.last[read]]
    # A first one waited before, until the server had the request.
    (first,) = np.nonzero(np.isin(chosen, tokens.begins, assume_unique=True))
    begun = m.column("start")[owner[first]]
    had = begun + send_delay[owner[first]]
    before = share[first] if share is not None else None
    hung = _within(tokens.hung, begun, had)
    busy = engine.busy(begun, had, before)
    explained[0, first] += hung
    explained[1, first] = np.maximum(had - begun - hung - busy, 0)
    explained[2:5, first] += engine.took(begun, had, before)

    together = (
        explained[0] + explained[1] + explained[5] + engine.busy(seen - np.maximum(lag, 0), seen, share)
    )
    together[first] += busy
    enough = explained >= HALF * delay
    most = np.where(together >= HALF * delay, explained.argmax(axis=0), len(CAUSES) - 1)
    cause = np.where(enough.any(axis=0), enough.argmax(axis=0), most)
    return Delays(delay, cause, number, len(tokens.lag))


def _waiting(m: Measured, tokens: _Tokens, send_delay: Ints) -> Floats:
    """Per stream: of the time in which its thread had something to do, the share that it waited for a core."""
    share = np.zeros(len(m.outcome))
    told = m.recording.streams.get("run_wait_ns")
    if told is None:
        return share
    seen = tokens.at[tokens.read(np.arange(len(tokens.lag)))]
    before = np.concatenate([seen[:1], seen[:-1]])
    before[tokens.begins] = 0
    busy = np.add.reduceat(np.clip(seen - np.maximum(seen - tokens.lag, before), 0, None), tokens.begins)
    busy += send_delay[tokens.owners]
    share[tokens.owners] = np.clip(told[tokens.owners] / np.maximum(busy, 1), 0, 1)
    return share


@dataclass(frozen=True, slots=True, eq=False)
class _Engine:
    """What is known of an engine, as curves: moments, and how many nanoseconds had passed so by then."""

    collections: Curve
    turns: Curve
    cpu: Curve
    waits: Curve

    @classmethod
    def of(cls, recording: Recording) -> _Engine:
        at, cpu, wait = (recording.cpu_samples.get(name, _NONE) for name in CpuSample._fields)
        told = wait >= 0
        at_told, wait = at[told], wait[told]
        # A wait is told when it ends: what is more than fits since the look before belongs to the time before that.
        wait = np.maximum.accumulate((wait - at_told)[::-1])[::-1] + at_told
        return cls(
            collections=_pauses(recording, "gc_pause"),
            turns=_pauses(recording, "loop_pause"),
            cpu=(at, cpu),
            waits=(at_told, wait),
        )

    def took(self, begin: Ints, end: Ints, share: Floats | None) -> Floats:
        """How much of these intervals went to its collector, to waiting for a core, and to other work of its own: a
        row each. ``share`` is that of each thread's waits, if every stream has one.
        """
        return np.stack(
            [_within(self.collections, begin, end), self.ready(begin, end, share), self.held(begin, end)]
        )

    def ready(self, begin: Ints, end: Ints, share: Floats | None) -> Floats:
        """How much of them it was ready to run and did not."""
        if share is not None:
            return _least(share * (end - begin), end - begin - self.ran(begin, end))
        moments, _ = self.waits
        if not len(moments):
            return np.zeros(len(begin))
        told = moments[np.minimum(np.searchsorted(moments, end), len(moments) - 1)]
        return _least(_within(self.waits, begin, np.maximum(told, end)), end - begin)

    def held(self, begin: Ints, end: Ints) -> Floats:
        """How much of them it was busy with something else."""
        # asyncio's own loop tells a turn at least: that in which the engine waited for its go.
        return _within(self.turns, begin, end) if len(self.turns[0]) else self.ran(begin, end)

    def busy(self, begin: Ints, end: Ints, share: Floats | None) -> Floats:
        """How much of them it was anything but idle."""
        known = self.ready(begin, end, share) + self.ran(begin, end)
        return _least(np.maximum(known, self.held(begin, end)), end - begin)

    def ran(self, begin: Ints, end: Ints) -> Floats:
        """How much of them it used a core."""
        return _within(self.cpu, begin, end)


def _pauses(recording: Recording, kind: str) -> Curve:
    pauses = recording.pauses
    if not pauses:
        return _NONE, _NONE
    own = np.flatnonzero(pauses["kind"] == PAUSES.index(kind))
    own = own[np.argsort(pauses["begin"][own])]
    return _passed(pauses["begin"][own], pauses["end"][own])


def _passed(begin: Ints, end: Ints) -> Curve:
    """Of intervals one after the other."""
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
