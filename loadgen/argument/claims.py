"""Test the five claims of the article "Exploring streaming HTTP responses ..." (2025) on the measurements of a run.

A claim has parts, a part has effects, each with a line that decides. An effect supports the claim when its whole
interval lies on the one side of the line, contradicts it when it lies on the other, and is undecided when it spans
the line, after one round only, or when the difference between two clients is within the noise
(:mod:`loadgen.analysis.noise`). Only valid measurements count. Where one is not valid for a reason that may be the
client's own doing, lower levels do not support a claim in its place: they were chosen by their result.

A claim about sync or async clients is a claim about each of them, and each pair. So a part is supported when all its
effects support it, which needs no wider intervals (an intersection-union test: Berger 1982, "Multiparameter
hypothesis testing and acceptance sampling"), and contradicted when one contradicts it, which does: then the interval
is widened by their number (Bonferroni). Where one supporting effect is enough, it is the other way round.

A claim is *supported* when all its parts are, *contradicted* when a main part is, otherwise *undecided*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from loadgen.analysis import effects, rounds
from loadgen.analysis.noise import NoiseThresholds
from loadgen.analysis.rounds import Quantity
from loadgen.argument import costs
from loadgen.model import (
    ClaimEffect,
    ClaimFinding,
    ClaimPart,
    ClientId,
    Excluded,
    Level,
    Missing,
    Mode,
    Reason,
    Result,
    Round,
    Run,
    Shortfall,
    Summary,
    Validity,
    reasons,
)

# The lines that decide.
HIGH = 100  # least streams that are "many"
OWN_THREAD = 0.9  # threads per additional stream: more, and each stream has its own
NO_THREAD = 0.1  # and less, and their number does not grow with the streams
WAITS = 0.5  # voluntary context switches per token from which a thread sleeps while it waits
ALIKE = 1.1  # a ratio of two clients up to which they are alike
CARRIED = 0.95  # share of the target concurrency that was open at once
NOT_BLOCKED = (
    0.1  # median delivery lag as a share of the median total: a blocked loop waits for whole streams
)
FASTER = 0.95  # a ratio of totals below which a client is faster, not merely different
NOTABLE_MEMORY = 0.25  # memory growth as a share of the client's baseline
NOTABLE_SWITCHES = 1.0  # per token
LARGE = 0.8  # a ratio below which the advantage is large

MIN_REPEATS = 3  # and
MIN_LEVELS = 2  # of a run that was made to decide the claims

# Reasons against a measurement that may be the client's own doing.
OWN_REASONS = (
    reasons.ConcurrencyNotReached,
    reasons.NoneCompleted,
    reasons.StartedLate,
    reasons.StreamsFailed,
)

REQUESTS, HTTPX_SYNC = ClientId("requests"), ClientId("httpx-sync")
SYNC: tuple[Mode, ...] = ("threads",)
ASYNC: tuple[Mode, ...] = ("tasks",)


def findings(_: Run, summaries: Sequence[Summary]) -> list[ClaimFinding]:
    """Return a finding per claim, in the article's order."""
    measured = Measurements(summaries)
    return [_finding(claim, parts_of(measured), measured) for claim, parts_of in CLAIMS.items()]


class Measurements:
    """The measurements that count: valid, of a closed loop, without floor and A/A controls."""

    def __init__(self, summaries: Sequence[Summary]) -> None:
        self.all = [
            s
            for s in summaries
            if s.client.name not in rounds.YARDSTICKS and not s.client.control and s.level.streams is not None
        ]
        valid = [s for s in self.all if s.validity is Validity.VALID]
        self.noise = NoiseThresholds(summaries)
        self.excluded = [s for s in self.all if s.validity is not Validity.VALID]
        self.sweeps: Mapping[ClientId, list[Summary]] = rounds.sweeps(valid)
        self.sync, self.asyncs = (
            list(dict.fromkeys(s.client for s in valid if s.mode in modes)) for modes in (SYNC, ASYNC)
        )

    def at(self, client: ClientId, streams: int) -> Summary | None:
        """Return the client's measurement at so many streams."""
        return next((s for s in self.sweeps.get(client, ()) if s.level.streams == streams), None)

    def both(self, streams: int) -> tuple[list[Summary], list[Summary]]:
        """Return the measurements of the sync and of the async clients at so many streams."""
        found = [[s for c in of if (s := self.at(c, streams))] for of in (self.sync, self.asyncs)]
        return found[0], found[1]

    def highest(self, least: int = 2) -> int | None:
        """Return the highest concurrency, of at least so many streams, at which every client was measured."""
        levels = [{s.level.streams or 0 for s in self.sweeps[c]} for c in (*self.sync, *self.asyncs)]
        shared = [n for n in set.intersection(*levels) if n >= least] if levels else []
        return max(shared, default=None)

    def tops(self, clients: Sequence[ClientId], least: int = 1) -> list[Summary]:
        """Return each client's measurement at its highest concurrency, where that is at least so many streams."""
        tops = [self.sweeps[client][-1] for client in clients]
        return [top for top in tops if top.level.value >= least]

    def not_valid(self, modes: tuple[Mode, ...], least: int = 1) -> list[ClaimPart]:
        """Return a part that lacks the clients without a valid measurement at so many streams or more, and those
        whose measurements at their highest levels are not valid for a reason that may be their own doing.
        """
        highest = {client: sweep[-1].level.value for client, sweep in self.sweeps.items()}
        lacking: dict[ClientId, int] = {}
        for s in self.excluded:
            valid, streams = highest.get(s.client, 0), s.level.streams or 0
            above = s.mode in modes and streams >= least and streams > valid
            if above and (valid < least or _own(s.reasons)):
                lacking.setdefault(s.client, least if valid < least else streams)
        return [_lacking(clients=(client,), min_streams=n) for client, n in lacking.items()]


def _own(against: Sequence[Reason]) -> bool:
    """Return whether a reason may be the client's own doing."""
    return any(
        _own(reason.reasons)
        if isinstance(reason, reasons.RepeatExcluded)
        else isinstance(reason, OWN_REASONS)
        for reason in against
    )


def shortfalls(measured: Measurements) -> list[Shortfall]:
    """Return why the run was not made to decide the claims; empty where it was."""
    found = []
    if not any(s.mode in SYNC for s in measured.all):
        found.append(Shortfall.NO_SYNC_CLIENT)
    if not any(s.mode in ASYNC for s in measured.all):
        found.append(Shortfall.NO_ASYNC_CLIENT)
    if not found and _shared_levels(measured.all) < MIN_LEVELS:
        found.append(Shortfall.ONE_LEVEL)
    if max((len(s.rounds) for s in measured.all), default=0) < MIN_REPEATS:
        found.append(Shortfall.FEW_REPEATS)
    included = [s for of in measured.sweeps.values() for s in of if s.repeats >= MIN_REPEATS]
    if not found and _shared_levels(included) < MIN_LEVELS:
        found.append(Shortfall.NOT_VALID)
    return found


def _shared_levels(summaries: Sequence[Summary]) -> int:
    """Return at how many levels a sync client was measured beside an async one."""
    levels = [{s.level for s in summaries if s.mode in modes} for modes in (SYNC, ASYNC)]
    return len(levels[0] & levels[1])


def _finding(claim: str, parts: Sequence[ClaimPart], measured: Measurements) -> ClaimFinding:
    results = [part.result for part in parts]
    verdict: Literal["supported", "contradicted", "undecided"] = "undecided"
    if _all(results) == "supports":
        verdict = "supported"
    elif any(part.result == "contradicts" and part.main for part in parts):
        verdict = "contradicted"
    return ClaimFinding(
        claim=claim,
        verdict=verdict,
        parts=tuple(parts),
        excluded=tuple(
            Excluded(client=s.client, level=s.level, validity=s.validity) for s in measured.excluded
        ),
        shortfalls=tuple(shortfalls(measured)),
    )


# ---------------------------------------------------------------------------------------------- parts, effects


def _all(results: Sequence[Result]) -> Result:
    if "contradicts" in results:
        return "contradicts"
    return "undecided" if "undecided" in results or not results else "supports"


def _any(results: Sequence[Result]) -> Result:
    if "supports" in results:
        return "supports"
    return "undecided" if "undecided" in results or not results else "contradicts"


def _part(criterion: Criterion, found: Sequence[ClaimEffect], missing: Sequence[Missing] = ()) -> ClaimPart:
    result = (_any if criterion.decided_by == "any" else _all)([effect.result for effect in found])
    return ClaimPart(
        measure=criterion.measure,
        result="undecided" if missing and result == "supports" else result,
        effects=tuple(found),
        missing=tuple(missing),
        decided_by=criterion.decided_by,
    )


def _lacking(
    *,
    modes: tuple[Mode, ...] = (),
    clients: tuple[ClientId, ...] = (),
    min_streams: int = 1,
    max_streams: int | None = None,
) -> ClaimPart:
    """Return a part without the measurements that it needs."""
    missing = Missing(clients=clients, modes=modes, min_streams=min_streams, max_streams=max_streams)
    return ClaimPart(measure=None, result="undecided", missing=(missing,))


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is tested of each client or pair of clients: a measure against a line. Unit ``times`` is a ratio."""

    measure: str
    unit: str
    line: float
    direction: Literal["above", "below", "within"]
    decided_by: Literal["all", "any"] = "all"

    def effect(
        self,
        values: Iterable[float],
        client: ClientId,
        baseline: ClientId | None = None,
        level: Level | None = None,
        comparisons: int = 1,
    ) -> ClaimEffect | None:
        """Return one of ``comparisons`` effects of a part, from its value in each round (the logarithm of a ratio);
        ``None`` without values.
        """
        per_round = list(values)
        estimate = effects.times if self.unit == "times" else effects.never_negative
        found, wide = estimate(per_round, 1), estimate(per_round, comparisons)
        if found is None or wide is None:
            return None
        # the result that decides for the part by itself needs the wide interval
        to_support, to_contradict = (wide, found) if self.decided_by == "any" else (found, wide)
        side = 1 if self.direction == "above" else -1
        result: Result = "undecided"
        if to_support.side(self.line) == side:
            outside = (
                self.direction == "within" and to_support.low is not None and to_support.low <= 1 / self.line
            )
            result = "undecided" if outside else "supports"
        elif to_contradict.side(self.line) == -side:
            result = "contradicts"
        shared = result == "undecided" and self.direction != "within" and found.side(self.line) != 0
        return ClaimEffect(
            measure=self.measure,
            unit=self.unit,
            value=found.value,
            low=found.low,
            high=found.high,
            line=self.line,
            direction=self.direction,
            result=result,
            client=client,
            baseline=baseline,
            level=level,
            comparisons=comparisons if shared else None,
        )

    def each(self, values: Mapping[ClientId, Sequence[float]], levels: Mapping[ClientId, Level]) -> ClaimPart:
        """Return the part with one effect per client, from its value in each round, at the client's level."""
        there = {client: of for client, of in values.items() if of}
        found = (
            self.effect(of, client, level=levels.get(client), comparisons=len(there))
            for client, of in there.items()
        )
        lacking = tuple(client for client in values if client not in there)
        missing = [Missing(measure=self.measure, clients=lacking)] if lacking else []
        return _part(self, [effect for effect in found if effect is not None], missing)

    def at_top(self, tops: Sequence[Summary], quantity: Quantity) -> ClaimPart:
        """Return the part with one effect per client, at its highest concurrency."""
        values = {top.client: list(rounds.values(top, quantity).values()) for top in tops}
        return self.each(values, {top.client: top.level for top in tops})

    def pairs(self, measured: Measurements, quantity: Quantity, streams: int) -> ClaimPart:
        """Return the part with one effect per pair: an async client as a multiple of a sync one, round by round.

        A difference within the noise is none; where one effect is enough, nothing is missing.
        """
        sync, asyncs = measured.both(streams)
        level = Level(streams=streams)
        pairs = list(product(asyncs, sync))
        found = (
            self.effect(
                rounds.contrast([one], [other], quantity),
                one.client,
                other.client,
                level,
                comparisons=len(pairs),
            )
            for one, other in pairs
        )
        if self.decided_by == "any":
            return _part(self, [effect for effect in found if effect is not None])
        noise = measured.noise.threshold(level, quantity)
        beyond = [_beyond(effect, noise) for effect in found if effect is not None]
        lacking = tuple(s.client for s in (*asyncs, *sync) if not rounds.logs(s, quantity))
        missing = [Missing(measure=self.measure, clients=lacking)] if len(beyond) < len(pairs) else []
        return _part(self, beyond, missing)


def _beyond(effect: ClaimEffect, noise: float | None) -> ClaimEffect:
    """Return the effect, undecided where its logarithm is within the noise."""
    # no difference at all is a contradiction where a large one is claimed
    contradicts = effect.result == "contradicts" and effect.line < 1
    if noise is None or not effect.value or abs(math.log(effect.value)) > noise or contradicts:
        return effect
    return replace(effect, result="undecided", noise=math.expm1(noise), comparisons=None)


# ------------------------------------------------------------------------------------------ claims 1 and 2


def _threads_each(measured: Measurements, clients: Sequence[ClientId], criterion: Criterion) -> ClaimPart:
    """Test the threads per additional stream: the slope over the levels where there are several, otherwise the
    threads that the streams added at the only one.
    """
    cost = next(cost for cost in costs.COSTS if cost.resource == "threads")
    each: dict[ClientId, list[float]] = {}
    levels: dict[ClientId, Level] = {}
    for client in clients:
        sweep = measured.sweeps[client]
        slopes = [line[1] for line in rounds.lines(sweep, cost.x, cost.y)]
        top = sweep[-1]
        if not slopes and top.level.value > 1:
            added = rounds.values(top, "threads_added")
            slopes = [value / top.level.value for value in added.values()]
            levels[client] = top.level
        each[client] = slopes
    return criterion.each(each, levels)


def _sync_blocks(measured: Measurements) -> list[ClaimPart]:
    if not measured.sync:
        return [_lacking(modes=SYNC)]
    waits = Criterion("voluntary_switches_per_token", "per token", WAITS, "above")
    return [
        _threads_each(
            measured, measured.sync, Criterion("threads_per_stream", "threads", OWN_THREAD, "above")
        ),
        waits.at_top(measured.tops(measured.sync), waits.measure),
        _alike(measured),
        *measured.not_valid(SYNC),
    ]


def _alike(measured: Measurements) -> ClaimPart:
    """Test that httpx-sync takes as many threads as requests; the one with more is the multiple of the other."""
    criterion = Criterion("threads_added", "times", ALIKE, "within")
    one, other = HTTPX_SYNC, REQUESTS
    levels = [{s.level.streams or 0 for s in measured.sweeps.get(client, ())} for client in (one, other)]
    shared = (levels[0] & levels[1]) - {1}
    if not shared:
        return _lacking(clients=(other, one), min_streams=2)
    these, those = ([s] for client in (one, other) if (s := measured.at(client, max(shared))) is not None)
    ratios = rounds.contrast(these, those, criterion.measure)
    if math.fsum(ratios) < 0:
        one, other, ratios = other, one, [-ratio for ratio in ratios]
    effect = criterion.effect(ratios, one, other, Level(streams=max(shared)))
    if effect is None:
        return _part(criterion, (), [Missing(measure=criterion.measure, clients=(REQUESTS, HTTPX_SYNC))])
    return _part(criterion, [effect])


def _async_does_not_block(measured: Measurements) -> list[ClaimPart]:
    tops = measured.tops(measured.asyncs, 2)
    if not tops:
        return [_lacking(modes=ASYNC, min_streams=2)]
    threads = Criterion("threads_per_stream", "threads", NO_THREAD, "below")
    lag = Criterion("lag_share", "share", NOT_BLOCKED, "below").at_top(tops, _lag_share)
    return [
        _threads_each(measured, measured.asyncs, threads),
        Criterion("open_share", "share", CARRIED, "above").at_top(tops, _open_share),
        *([lag] if lag.effects else []),
        *measured.not_valid(ASYNC, 2),
    ]


def _open_share(summary: Summary, one: Round) -> float | None:
    peak = one.values.get("live_peak")
    return None if peak is None else peak / summary.level.value


def _lag_share(_: Summary, one: Round) -> float | None:
    lag, total = one.values.get("lag_p50_ms"), one.values.get("total_p50_ms")
    return None if lag is None or not total else lag / total


# ------------------------------------------------------------------------------------------------- claim 3


def _single_stream(measured: Measurements) -> list[ClaimPart]:
    return [_need_not_be_faster(measured), _more_responsive(measured), *measured.not_valid(SYNC + ASYNC)]


def _need_not_be_faster(measured: Measurements) -> ClaimPart:
    """Test that one async client is not faster than one sync client, which is enough for "need not"."""
    criterion = Criterion("total_p50_ms", "times", FASTER, "above", decided_by="any")
    part = criterion.pairs(measured, criterion.measure, 1)
    return part if part.effects else _lacking(modes=SYNC + ASYNC, max_streams=1)


def _more_responsive(measured: Measurements) -> ClaimPart:
    streams = measured.highest()
    if streams is None or not measured.sync or not measured.asyncs:
        return _lacking(modes=SYNC + ASYNC, min_streams=2)
    criteria = [Criterion(measure, "times", 1.0, "below") for measure in ("lag_p99_ms", "ttft_p99_ms")]
    parts = [criterion.pairs(measured, criterion.measure, streams) for criterion in criteria]
    return next((part for part in parts if part.effects), parts[-1])


# ------------------------------------------------------------------------------------------ claims 4 and 5


def _sync_costs(measured: Measurements) -> list[ClaimPart]:
    tops = measured.tops(measured.sync, HIGH)
    if not tops:
        return [_lacking(modes=SYNC, min_streams=HIGH)]
    threads = Criterion("threads_per_stream", "threads", OWN_THREAD, "above")
    memory = Criterion("memory_growth_share", "share", NOTABLE_MEMORY, "above")
    switches = Criterion("switches_per_token", "per token", NOTABLE_SWITCHES, "above")
    return [
        replace(_threads_each(measured, [top.client for top in tops], threads), main=False),
        memory.at_top(tops, _memory_growth),
        switches.at_top(tops, "switches_per_token"),
        *measured.not_valid(SYNC, HIGH),
    ]


def _memory_growth(summary: Summary, one: Round) -> float | None:
    each, base = one.values.get("rss_per_stream_kib"), one.values.get("rss_base_mib")
    return None if each is None or not base else each * summary.level.value / 1024 / base


def _async_scales(measured: Measurements) -> list[ClaimPart]:
    streams = measured.highest(HIGH)
    if streams is None or not measured.sync or not measured.asyncs:
        return [_lacking(modes=SYNC + ASYNC, min_streams=HIGH)]
    threads, memory, switches = (
        Criterion(measure, "times", LARGE, "below").pairs(measured, measure, streams)
        for measure in ("threads_peak", "rss_per_stream_kib", "switches_per_token")
    )
    return [replace(threads, main=False), memory, switches, *measured.not_valid(SYNC + ASYNC, HIGH)]


CLAIMS: Mapping[str, Callable[[Measurements], list[ClaimPart]]] = {
    "sync-blocks": _sync_blocks,
    "async-does-not-block": _async_does_not_block,
    "single-stream": _single_stream,
    "sync-costs": _sync_costs,
    "async-scales": _async_scales,
}
