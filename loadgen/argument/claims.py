"""Test the five claims of the article "Exploring streaming HTTP responses ..." (2025) on the measurements of a run.

Each claim is a row of atomic statements in :data:`CLAIMS`: a measure, a line, and whom it is about: each sync or async
client, at its highest level; or each pair of an async and a sync client, at the highest level that all share. Of pairs,
the measure is the ratio of the two, round by round; of total times where the answers differ in length, that of the time
per token (:mod:`loadgen.analysis.lengths`).

**An effect**, of one client or pair, supports its statement when its whole 95 % interval lies on the one side of the
line, contradicts it when it lies on the other, and is undecided when it spans the line, after one round only, or when
two clients differ by less than the noise (:mod:`loadgen.analysis.noise`) and no difference would decide otherwise.

**A statement** is *supported* when it is true of all, *contradicted* when it is untrue of at least one and known to be
true of none, *mixed* when it is true of some and untrue of others, otherwise *undecided*. To be true of all needs no
wider intervals (an intersection-union test: Berger 1982, "Multiparameter hypothesis testing and acceptance sampling");
one that contradicts it does: then the interval is widened by their number (Bonferroni). Where one example is enough
(``decided_by="any"``), one supports it, all must contradict it, and the supporting interval is the wider one.

**A claim** follows from its statements by the same rule: supported when all are; contradicted when at least one is and
none is supported; mixed when some hold and some do not, or when one is mixed; otherwise undecided.

Only valid measurements count. A client without one is missing, and one whose measurement at a higher level is not valid
for a reason that may be its own doing: lower levels do not support a statement in its place, since they were chosen by
their result. With something missing, a statement is not supported of all.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Literal, NamedTuple

from loadgen.analysis import effects, rounds
from loadgen.analysis.delivery_lag import CAUSES, delays_of
from loadgen.analysis.lengths import comparable
from loadgen.analysis.noise import NoiseThresholds
from loadgen.analysis.repeats import repeats_of
from loadgen.argument.costs import LINES
from loadgen.model import (
    Cause,
    ClaimEffect,
    ClaimFinding,
    ClaimStatement,
    ClaimVerdict,
    ClientId,
    Estimate,
    Excluded,
    Level,
    Limit,
    Missing,
    Mode,
    Result,
    Round,
    Run,
    Shortfall,
    Statement,
    Summary,
    Validity,
    reasons,
)

MANY = 100  # least streams at "high concurrency"
MIN_REPEATS = 3  # and
MIN_LEVELS = 2  # of a run that was made to decide the claims

# Reasons against a measurement that may be the client's own doing, although its limit was not seen to be reached.
OWN_REASONS = (
    reasons.ConcurrencyNotReached, reasons.NoneCompleted, reasons.StreamsFailed, reasons.TooManyErrors,
)  # fmt: skip

TRUE_FALSE = (("supports", "supported"), ("contradicts", "contradicted"))
MODES: Mapping[str, tuple[Mode, ...]] = {
    "sync": ("threads",),
    "async": ("tasks",),
    "pair": ("tasks", "threads"),
}
ALIKE = (ClientId("httpx-sync"), ClientId("requests"))


OWN_THREAD = Statement("own_thread", "sync", "threads_per_stream", "above", 0.9, "threads")
CLAIMS: Mapping[str, tuple[Statement, ...]] = {
    "sync-blocks": (
        OWN_THREAD,
        # the thread sleeps at least for every other token
        Statement("thread_waits", "sync", "voluntary_switches_per_token", "above", 0.5, "per token"),
        Statement("httpx_like_requests", "alike", "threads_added", "within", 1.1, min_streams=2),
    ),
    "async-does-not-block": (
        Statement("no_own_thread", "async", "threads_per_stream", "below", 0.1, "threads", 2),
        Statement("all_open", "async", "open_share", "above", 0.95, "share", 2),
        # a blocked loop waits for whole streams, or it is busy while tokens wait: no more than one of a hundred
        Statement("median_in_time", "async", "lag_share", "below", 0.1, "share", 2),
        Statement("loop_free", "async", "busy_share", "below", 0.01, "share", 2),
    ),
    "single-stream": (
        Statement("not_faster_alone", "pair", "total_p50_ms", "above", 0.95, max_streams=1, decided_by="any"),
        Statement(
            "more_responsive", "pair", "lag_p99_ms", "below", 1.0, min_streams=2, fallback="ttft_p99_ms"
        ),
    ),
    "sync-costs": (
        replace(OWN_THREAD, min_streams=MANY),
        Statement("notable_memory", "sync", "memory_growth_share", "above", 0.25, "share", MANY),
        Statement("notable_switches", "sync", "switches_per_token", "above", 1.0, "per token", MANY),
    ),
    "async-scales": (
        Statement("fewer_threads", "pair", "threads_peak", "below", 0.8, min_streams=MANY),
        Statement("lower_memory", "pair", "rss_per_stream_kib", "below", 0.8, min_streams=MANY),
        Statement("fewer_switches", "pair", "switches_per_token", "below", 0.8, min_streams=MANY),
    ),
}


def findings(run: Run, summaries: Sequence[Summary]) -> list[ClaimFinding]:
    """Return a finding per claim, in the article's order."""
    measured = Measurements(run, summaries)
    excluded = tuple(Excluded(client=s.client, level=s.level, validity=s.validity) for s in measured.excluded)
    lacks = tuple(shortfalls(measured))
    found = []
    for claim, row in CLAIMS.items():
        tested = tuple(measured.test(statement) for statement in row)
        verdict = whole(one.verdict for one in tested)
        found.append(
            ClaimFinding(claim=claim, verdict=verdict, statements=tested, excluded=excluded, shortfalls=lacks)
        )
    return found


class Draws(NamedTuple):
    """A value for each round: of one client, or the logarithm of its ratio to ``baseline``."""

    client: ClientId
    baseline: ClientId | None
    level: Level | None
    measure: str
    values: Sequence[float]
    noise: float | None = None


class Measurements:
    """The measurements that count: valid, of a closed loop, without floor and A/A controls."""

    def __init__(self, run: Run, summaries: Sequence[Summary]) -> None:
        self.all = [
            s
            for s in summaries
            if s.client.name not in rounds.YARDSTICKS and not s.client.control and s.level.streams is not None
        ]
        self.excluded = [s for s in self.all if s.validity is not Validity.VALID]
        self.sweeps = rounds.sweeps(s for s in self.all if s.validity is Validity.VALID)
        self._noise = NoiseThresholds(summaries)
        self._cells = {repeat.key: repeat for repeat in repeats_of(run.recordings)}

    def test(self, statement: Statement) -> ClaimStatement:
        """Return the statement with its verdict, and an effect of each client or pair that it is about."""
        modes = MODES.get(statement.of, ())
        named = [[s.client for s in self.all if s.mode == mode] for mode in modes] or [[one] for one in ALIKE]
        sides = [[c for c in dict.fromkeys(side) if self._levels(c, statement)] for side in named]
        draws = self._draws(statement, sides)
        if statement.fallback and not any(one.values for one in draws):
            statement = replace(statement, measure=statement.fallback)
            draws = self._draws(statement, sides)
        there = [one for one in draws if one.values]
        missing = self._behind(statement, {client for side in named for client in side})
        if len(there) < len(draws):
            compared = {client for one in there for client in one[:2]}
            lacking = tuple(client for side in sides for client in side if client not in compared)
            missing.append(Missing(measure=statement.measure, clients=lacking))
        if not draws and not missing:
            least, most = statement.min_streams, statement.max_streams
            names = () if modes else ALIKE
            missing.append(Missing(clients=names, modes=modes, min_streams=least, max_streams=most))
        found = tuple(effect_of(statement, one, len(there)) for one in there)
        results: list[Result] = ["undecided"] if missing else []
        verdict = whole([*results, *(effect.result for effect in found)], statement.decided_by)
        missing = [] if verdict == "supported" else missing
        return ClaimStatement(statement=statement, verdict=verdict, effects=found, missing=tuple(missing))

    def _levels(self, client: ClientId, statement: Statement) -> set[int]:
        """Return at how many streams, of those that the statement is about, the client has a valid measurement."""
        most = statement.max_streams or math.inf
        streams = (s.level.streams or 0 for s in self.sweeps.get(client, ()))
        return {number for number in streams if statement.min_streams <= number <= most}

    def _draws(self, statement: Statement, sides: Sequence[Sequence[ClientId]]) -> list[Draws]:
        measure = statement.measure
        if len(sides) == 1:
            return [self._of_client(client, measure) for client in sides[0]]
        levels = [self._levels(client, statement) for side in sides for client in side]
        shared = set.intersection(*levels) if all(sides) else None
        if not shared:
            return []
        level = Level(streams=max(shared))
        at = {client: [s for s in sweep if s.level == level] for client, sweep in self.sweeps.items()}
        found = []
        for one, other in product(*sides):
            column = comparable(measure, at[one][0], at[other][0])
            noise = self._noise.threshold(level, column)
            found.append(Draws(one, other, level, column, rounds.contrast(at[one], at[other], column), noise))
        return found

    def _of_client(self, client: ClientId, measure: str) -> Draws:
        """Return the values at the client's highest level; of threads per stream the slope over its levels, if any."""
        sweep = self.sweeps[client]
        if measure == "threads_per_stream" and (lines := rounds.lines(sweep, THREADS.x, THREADS.y)):
            return Draws(client, None, None, measure, [slope for _, slope in lines])
        quantity = self._busy_share if measure == "busy_share" else QUANTITIES.get(measure, measure)
        drawn = list(rounds.values(sweep[-1], quantity).values())
        return Draws(client, None, sweep[-1].level, measure, drawn)

    def _busy_share(self, summary: Summary, one: Round) -> float | None:
        """Return which share of the tokens was late because the event loop was busy."""
        delays = list(delays_of(self._cells[summary.client, summary.level, one.repeat]))
        tokens = sum(part.tokens for part in delays)
        busy = (part.late * float((part.cause == BUSY).mean()) for part in delays if part.late)
        return math.fsum(busy) / tokens if tokens else None

    def _behind(self, statement: Statement, clients: Collection[ClientId]) -> list[Missing]:
        """Return the clients without a valid measurement, and those whose higher levels are not valid by their own
        doing, by the number of streams that is missing.
        """
        lacking: dict[ClientId, int] = {}
        for s in self.excluded:
            least, streams, sweep = statement.min_streams, s.level.streams or 0, self.sweeps.get(s.client)
            valid = sweep[-1].level.value if sweep else 0
            if s.client in clients and max(valid + 1, least) <= streams <= (statement.max_streams or streams):
                against = (r for one in s.reasons for r in getattr(one, "reasons", (one,)))
                if valid < least:
                    lacking.setdefault(s.client, least)
                elif s.limited_by is Limit.CLIENT or any(isinstance(one, OWN_REASONS) for one in against):
                    lacking.setdefault(s.client, streams)
        by_streams = {n: tuple(c for c, own in lacking.items() if own == n) for n in lacking.values()}
        return [Missing(clients=of, min_streams=streams) for streams, of in by_streams.items()]


def whole(
    verdicts: Iterable[Result | ClaimVerdict], decided_by: Literal["all", "any"] = "all"
) -> ClaimVerdict:
    """Return the verdict of a whole from those of its effects or statements."""
    found = set(verdicts)
    true, false = ({word, verdict, "mixed"} & found for word, verdict in TRUE_FALSE)
    undecided = "undecided" in found or not found
    if decided_by == "any":
        return "supported" if true else "undecided" if undecided else "contradicted"
    if false:
        return "mixed" if true else "contradicted"
    return "undecided" if undecided else "supported"


def _result(statement: Statement, found: Estimate | None) -> Result:
    """Return what an interval says."""
    if found is None or found.low is None or found.high is None:
        return "undecided"
    least = {"above": statement.line, "within": 1 / statement.line}.get(statement.direction, -math.inf)
    most = math.inf if statement.direction == "above" else statement.line
    if least < found.low and found.high < most:
        return "supports"
    return "contradicts" if found.high < least or found.low > most else "undecided"


def effect_of(statement: Statement, draws: Draws, comparisons: int = 1) -> ClaimEffect:
    """Return one of ``comparisons`` effects; the result that decides for all needs the wide interval."""
    interval = effects.times if statement.unit == "times" else effects.never_negative
    found = interval(draws.values) or effects.Mean(math.nan)
    result, shared, noise = _result(statement, found), None, None
    if result == ("supports" if statement.decided_by == "any" else "contradicts"):
        shared = comparisons if _result(statement, interval(draws.values, comparisons)) != result else None
    if draws.noise is not None and abs(math.log(found.value)) <= draws.noise:
        same = _result(statement, Estimate(1.0, 1.0, 1.0)) == result != "undecided"  # as of no difference
        noise = None if same else math.expm1(draws.noise)
    return ClaimEffect(
        client=draws.client,
        baseline=draws.baseline,
        level=draws.level,
        measure=draws.measure,
        estimate=found,
        result="undecided" if shared or noise is not None else result,
        noise=noise,
        comparisons=shared if noise is None else None,
    )


def shortfalls(measured: Measurements) -> list[Shortfall]:
    """Return why the run was not made to decide the claims, or too little of it is valid; empty where it was."""
    modes = {s.mode for s in measured.all}
    both = {"threads", "tasks"} <= modes
    repeats = max((len(s.rounds) for s in measured.all), default=0)
    lacks = {
        Shortfall.NO_SYNC_CLIENT: "threads" not in modes,
        Shortfall.NO_ASYNC_CLIENT: "tasks" not in modes,
        Shortfall.ONE_LEVEL: both and _shared_levels(measured.all) < MIN_LEVELS,
        Shortfall.FEW_REPEATS: repeats < MIN_REPEATS,
    }
    valid = [s for sweep in measured.sweeps.values() for s in sweep if s.repeats >= MIN_REPEATS]
    found = [shortfall for shortfall, there in lacks.items() if there]
    return found or [Shortfall.NOT_VALID] * (_shared_levels(valid) < MIN_LEVELS)


def _shared_levels(summaries: Sequence[Summary]) -> int:
    """Return at how many levels a sync client was measured beside an async one."""
    sync, asyncs = ({s.level for s in summaries if s.mode == mode} for mode in ("threads", "tasks"))
    return len(sync & asyncs)


def _divided(value: float | None, by: float | None) -> float | None:
    """Return a share, never below 0."""
    return None if value is None or not by else max(0.0, value / by)


THREADS = next(line for line in LINES if line.resource == "threads")
BUSY = CAUSES.index(Cause.BUSY)
QUANTITIES: Mapping[str, rounds.Quantity] = {  # those that are no metrics
    "threads_per_stream": lambda s, one: (
        _divided(one.values.get("threads_added"), s.level.value) if s.level.value > 1 else None
    ),
    "open_share": lambda s, one: _divided(one.values.get("live_peak"), s.level.value),
    "lag_share": lambda _, one: _divided(one.values.get("lag_p50_ms"), one.values.get("total_p50_ms")),
    "memory_growth_share": lambda s, one: _divided(
        one.values.get("rss_per_stream_kib"), (one.values.get("rss_base_mib") or 0.0) * 1024 / s.level.value
    ),
}
