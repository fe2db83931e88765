"""The claims board: the article's five claims as testable statements over the figures of a run.

A claim has parts, a part has effects, each with a line that decides. An effect holds when its whole interval
lies on the side of the line that speaks for the claim, contradicts when it lies on the other, and is undecided
when it spans the line, when the run has one block only, or when the difference of two clients is within what
one client differs from itself (:mod:`loadgen.analysis.noise`).

A claim about sync or async clients as such is one about each of them, and each pair. So a part holds when all its
effects do, which needs no wider intervals (an intersection-union test: Berger 1982, "Multiparameter hypothesis
testing and acceptance sampling"), and is contradicted when one of them is, which does: then the interval is
widened by their number (Bonferroni). Where one that holds is enough, it is the other way round.

A claim is *confirmed* when all its parts hold, *refuted* when a main part is contradicted, else *open*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from loadgen.analysis import effects, rounds
from loadgen.analysis.noise import NoiseThresholds
from loadgen.analysis.rounds import Figure
from loadgen.analysis.validity import streams_told
from loadgen.argument import costs
from loadgen.model import Effect, Level, Summary, TextFinding, Validity

# The lines that decide.
HIGH = 100  # least streams that are "many"
OWN_THREAD = 0.9  # threads per further stream: more, and each stream has its own
NO_THREAD = 0.1  # and less, and their number does not grow with the streams
WAITS = 0.5  # voluntary switches per token from which a thread sleeps while it waits
ALIKE = 1.1  # a ratio of two clients up to which they are alike
CARRIED = 0.95  # share of the streams asked for that were open at once
NOT_BLOCKED = 0.1  # median lag as a share of the median total: a blocked loop waits for whole streams
FASTER = 0.95  # a ratio of totals below which a client is faster, not merely different
NOTABLE_MEMORY = 0.25  # memory that the streams added, as a share of the client's own
NOTABLE_SWITCHES = 1.0  # per token
LARGE = 0.8  # a ratio below which the advantage is large
ENOUGH = "one of these is enough"  # notes effects of which one decides for all

Holds = bool | None


def _all(answers: Sequence[Holds]) -> Holds:
    """True when each is, False when one is."""
    return False if False in answers else None if None in answers else True


def _any(answers: Sequence[Holds]) -> Holds:
    """True when one is, False when each is."""
    return True if True in answers else None if None in answers else False


@dataclass(frozen=True, slots=True)
class Part:
    """``missing`` says what was not measured; then the part cannot tell. A part that is not ``main`` only keeps
    the claim from being confirmed. ``decides`` makes one answer of those of the effects."""

    effects: Sequence[Effect] = ()
    missing: str = ""
    main: bool = True
    decides: Callable[[Sequence[Holds]], Holds] = _all

    @property
    def holds(self) -> Holds:
        answers = [effect.holds for effect in self.effects if effect.line is not None]
        known = self.decides(answers) if answers else None
        return None if self.missing and known else known

    @property
    def sides(self) -> set[bool]:
        """What its decided effects say: both where clients differ."""
        return {effect.holds for effect in self.effects if effect.holds is not None}


class Evidence:
    """The measurements that may testify: not invalid, neither a yardstick nor a client's second name."""

    def __init__(self, summaries: Sequence[Summary]) -> None:
        named = [s for s in summaries if s.client.name not in rounds.YARDSTICKS and not s.client.control]
        self.floors = NoiseThresholds(summaries)
        self.invalid = [s for s in named if s.validity is Validity.INVALID]
        believed = [s for s in named if s.validity is not Validity.INVALID]
        self.ladders: Mapping[str, list[Summary]] = {
            client.label: of for client, of in rounds.sweeps(believed).items()
        }
        self.sync = list(dict.fromkeys(s.client.label for s in believed if s.mode == "threads"))
        self.asyncs = list(dict.fromkeys(s.client.label for s in believed if s.mode == "tasks"))

    def at(self, client: str, concurrency: int) -> Summary | None:
        return next((s for s in self.ladders.get(client, ()) if s.level.streams == concurrency), None)

    def both(self, concurrency: int) -> tuple[list[Summary], list[Summary]]:
        """The sync and the async clients there."""
        found = [[s for c in of if (s := self.at(c, concurrency))] for of in (self.sync, self.asyncs)]
        return found[0], found[1]

    def most(self, least: int = 2) -> int | None:
        """The highest concurrency, of at least so many streams, at which every client was measured."""
        levels = [{s.level.streams or 0 for s in self.ladders[c]} for c in (*self.sync, *self.asyncs)]
        shared = [n for n in set.intersection(*levels) if n >= least] if levels else []
        return max(shared, default=None)


@dataclass(frozen=True, slots=True)
class Claim:
    """One of the article's."""

    id: str
    statement: str
    parts: Callable[[Evidence], list[Part]]

    def judge(self, evidence: Evidence) -> TextFinding:
        parts = self.parts(evidence)
        answers = [part.holds for part in parts]
        verdict = "open"
        if all(answers):
            verdict = "confirmed"
        elif any(answer is False and part.main for part, answer in zip(parts, answers, strict=True)):
            verdict = "refuted"
        missing = [part.missing for part in parts if part.missing]
        told = [effect for part in parts for effect in part.effects]
        differ = [part.effects for part in parts if part.decides is _all and len(part.sides) > 1]
        alone = bool(told) and all(effect.low is None for effect in told)
        return TextFinding(
            kind="claim",
            id=self.id,
            verdict=verdict,
            statement=self.statement,
            evidence=(
                *(f"Undecided: {text}" for text in missing),
                *(f"Clients differ in {_told(these)}: it is not so of all of them" for these in differ),
                *(
                    ["Undecided: measured once, which tells nothing of the noise: repeats: 3"]
                    if alone
                    else []
                ),
                *(f"Not counted: {s.client} at {s.level} is invalid" for s in evidence.invalid),
            ),
            effects=tuple(told),
        )


def findings(summaries: Sequence[Summary]) -> list[TextFinding]:
    """One per claim, in the article's order: ``confirmed``, ``refuted`` or ``open``, with this run's effects."""
    evidence = Evidence(summaries)
    return [claim.judge(evidence) for claim in CLAIMS]


def _told(effects: Sequence[Effect]) -> str:
    return effects[0].name.partition(", ")[0]


# ---------------------------------------------------------------------------------------- effects with lines


def _effect(
    name: str,
    unit: str,
    values: Iterable[float],
    of: Callable[[Iterable[float], int], effects.Estimate | None],
    line: float,
    *,
    above: bool,
    among: int = 1,
    decides: Callable[[Sequence[Holds]], Holds] = _all,
    client: str = "",
    note: str = "",
) -> Effect | None:
    """One of ``among`` effects of a part, from its values of each block; ``None`` without any."""
    given = list(values)
    found, wide = of(given, 1), of(given, among)
    if found is None or wide is None:
        return None
    # the interval for the answer that decides for the part by itself, and for the one that all must give
    to_hold, to_contradict = (wide, found) if decides is _any else (found, wide)
    speaks = 1 if above else -1
    holds = None
    if to_hold.side(line) == speaks:
        holds = True
    elif to_contradict.side(line) == -speaks:
        holds = False
    elif found.side(line):
        note = note or f"one of {among} such figures: it may be so by chance"
    return Effect(
        name=name,
        unit=unit,
        value=found.value,
        low=found.low,
        high=found.high,
        line=line,
        holds=holds,
        above=above,
        client=client,
        note=note,
    )


def _each(
    name: str, unit: str, figures: Mapping[str, Iterable[float]], line: float, *, above: bool, at: str
) -> list[Effect]:
    """One effect per client, from its values of each block."""
    told = {client: list(of) for client, of in figures.items()}
    there = {client: of for client, of in told.items() if of}
    found = (
        _effect(
            f"{name}, {client}{at}", unit, of, effects.never_negative, line,
            above=above, among=len(there), client=client,
        )
        for client, of in there.items()
    )  # fmt: skip
    return [effect for effect in found if effect is not None]


def _pairs(evidence: Evidence, what: str, figure: Figure, concurrency: int, line: float) -> Part:
    """Each async client as a multiple of each sync one, paired by block; below ``line`` speaks for the claim.
    Within the noise nothing is a difference."""
    sync, asyncs = evidence.both(concurrency)
    pairs = list(product(asyncs, sync))
    found = (
        _effect(
            f"{what}, {one.client} as a multiple of {other.client}, at {streams_told(concurrency)}",
            "times", rounds.contrast([one], [other], figure), effects.times, line, above=False, among=len(pairs),
        )
        for one, other in pairs
    )  # fmt: skip
    floor = evidence.floors.threshold(Level(streams=concurrency), figure)
    told = [_beyond(effect, floor, line) for effect in found if effect is not None]
    short = f"{what}: not measured" if not told else f"{what}: not measured with every client"
    return Part(told, "" if len(told) == len(pairs) else short)


def _beyond(effect: Effect, floor: float | None, line: float) -> Effect:
    """Undecided where it is within the noise."""
    # no difference at all is a contradiction where a large one is claimed
    contradicts = effect.holds is False and line < 1
    if floor is None or not effect.value or abs(math.log(effect.value)) > floor or contradicts:
        return effect
    note = f"within the noise: one client differs from itself by up to {100 * math.expm1(floor):.3g} %"
    return replace(effect, holds=None, note=note)


# ------------------------------------------------------------------------------------------ claims 1 and 2


def _threads_each(evidence: Evidence, clients: Sequence[str], line: float, *, above: bool) -> Part:
    """Threads that a further stream takes: over the levels where there are several, else beyond the client's own."""
    cost = next(cost for cost in costs.COSTS if cost.id == "threads")
    each: dict[str, list[float]] = {}
    for client in clients:
        ladder = evidence.ladders[client]
        slopes = [line[1] for line in rounds.lines(ladder, cost.x, cost.y)]
        top = ladder[-1]
        if not slopes and top.level.value > 1:
            added = rounds.values(top, rounds.column("threads_added"))
            slopes = [value / top.level.value for value in added.values()]
        each[client] = slopes
    told = _each("threads per further stream", "threads", each, line, above=above, at="")
    if not told:
        return Part(missing="threads were not measured with more than one stream")
    unknown = [client for client, of in each.items() if not of]
    return Part(told, missing=f"threads of {', '.join(unknown)} were not measured" if unknown else "")


def _tops(evidence: Evidence, clients: Sequence[str], least: int = 2) -> list[Summary]:
    """Each client's highest concurrency, where that is at least so many streams."""
    tops = [evidence.ladders[client][-1] for client in clients]
    return [top for top in tops if top.level.value >= least]


def _at_top(
    tops: Sequence[Summary], name: str, unit: str, figure: Figure, line: float, *, above: bool
) -> Part:
    values = {top.client.label: rounds.values(top, figure).values() for top in tops}
    levels = {top.level.streams or 0 for top in tops}
    at = f" at {streams_told(max(levels))}" if len(levels) == 1 else ""
    told = _each(name, unit, values, line, above=above, at=at)
    return Part(told, missing="" if len(told) == len(tops) and told else f"{name}: not measured")


def _sync_blocks(evidence: Evidence) -> list[Part]:
    if not evidence.sync:
        return [Part(missing="no sync client was measured")]
    waits = rounds.column("voluntary_switches_per_token")
    tops = [evidence.ladders[client][-1] for client in evidence.sync]
    return [
        _threads_each(evidence, evidence.sync, OWN_THREAD, above=True),
        _at_top(tops, "sleeps per token (voluntary switches)", "per token", waits, WAITS, above=True),
        _alike(evidence),
    ]


def _alike(evidence: Evidence) -> Part:
    one, other = evidence.ladders.get("requests"), evidence.ladders.get("httpx-sync")
    shared = {s.level.streams or 0 for s in one or ()} & {s.level.streams or 0 for s in other or ()} - {1}
    if not shared:
        return Part(missing="requests and httpx-sync were not both measured at several streams")
    more, fewer = "httpx-sync", "requests"
    pair = [evidence.at(client, max(shared)) for client in (more, fewer)]
    these, those = ([s] for s in pair if s is not None)
    ratios = rounds.contrast(these, those, rounds.column("threads_added"))
    if math.fsum(ratios) < 0:
        more, fewer, ratios = fewer, more, [-ratio for ratio in ratios]
    name = f"threads, {more} as a multiple of {fewer}, at {streams_told(max(shared))}"
    note = f"alike within {ALIKE - 1:.0%}"
    effect = _effect(name, "times", ratios, effects.times, ALIKE, above=False, note=note)
    if effect is None:
        return Part(missing="threads of requests and httpx-sync were not both measured")
    if effect.holds and effect.low is not None and effect.low <= 1 / ALIKE:
        effect = replace(effect, holds=None)
    return Part([effect])


def _async_does_not_block(evidence: Evidence) -> list[Part]:
    if not evidence.asyncs:
        return [Part(missing="no async client was measured")]
    tops = _tops(evidence, evidence.asyncs)
    if not tops:
        return [Part(missing="no async client was measured with several streams")]
    parts = [
        _threads_each(evidence, evidence.asyncs, NO_THREAD, above=False),
        _at_top(tops, "streams open at once, of those asked for", "share", _open_share, CARRIED, above=True),
    ]
    lag = _at_top(tops, "median lag, of the median total", "share", _lag_share, NOT_BLOCKED, above=False)
    return [*parts, lag] if lag.effects else parts


def _open_share(summary: Summary, block: rounds.Round) -> float | None:
    peak = block.get("live_peak")
    return None if peak is None else peak / summary.level.value


def _lag_share(_: Summary, block: rounds.Round) -> float | None:
    lag, total = block.get("lag_p50_ms"), block.get("total_p50_ms")
    return None if lag is None or not total else lag / total


# ------------------------------------------------------------------------------------------------- claim 3


def _single_stream(evidence: Evidence) -> list[Part]:
    return [_need_not_be_faster(evidence), _more_responsive(evidence)]


def _need_not_be_faster(evidence: Evidence) -> Part:
    """One async client that is not faster than one sync client is enough: it says "need not"."""
    sync, asyncs = evidence.both(1)
    pairs = list(product(asyncs, sync))
    total = rounds.column("total_p50_ms")
    found = (
        _effect(
            f"total time, {one.client} as a multiple of {other.client}, at 1 stream",
            "times", rounds.contrast([one], [other], total), effects.times, FASTER,
            above=True, among=len(pairs), decides=_any, note=ENOUGH,
        )
        for one, other in pairs
    )  # fmt: skip
    told = [effect for effect in found if effect is not None]
    if not told:
        return Part(missing="no sync and async client were both measured at one stream")
    return Part(told, decides=_any)


def _more_responsive(evidence: Evidence) -> Part:
    top = evidence.most()
    if top is None or not evidence.sync or not evidence.asyncs:
        return Part(missing="sync and async clients were not all measured at several streams")
    for name, what in (("lag_p99_ms", "lag p99"), ("ttft_p99_ms", "TTFT p99")):
        part = _pairs(evidence, what, rounds.column(name), top, 1.0)
        if part.effects:
            return part
    return Part(missing="too few values to compare lag or TTFT")


# ------------------------------------------------------------------------------------------ claims 4 and 5


def _sync_costs(evidence: Evidence) -> list[Part]:
    tops = _tops(evidence, evidence.sync, HIGH)
    if not tops:
        return [Part(missing=f"no sync client was measured at {HIGH} streams or more")]
    clients = [top.client.label for top in tops]
    return [
        replace(_threads_each(evidence, clients, OWN_THREAD, above=True), main=False),
        _at_top(
            tops, "memory added, of the client's own", "share", _memory_added, NOTABLE_MEMORY, above=True
        ),
        _at_top(tops, "context switches", "per token", rounds.switches, NOTABLE_SWITCHES, above=True),
    ]


def _memory_added(summary: Summary, block: rounds.Round) -> float | None:
    each, base = block.get("rss_per_stream_kib"), block.get("rss_base_mib")
    return None if each is None or not base else each * summary.level.value / 1024 / base


def _async_is_leaner(evidence: Evidence) -> list[Part]:
    top = evidence.most(HIGH)
    if top is None or not evidence.sync or not evidence.asyncs:
        return [Part(missing=f"sync and async clients were not all measured at {HIGH} streams or more")]
    threads, memory, switches = (
        _pairs(evidence, what, figure, top, LARGE)
        for what, figure in (
            ("threads", rounds.column("threads_peak")),
            ("memory per stream", rounds.column("rss_per_stream_kib")),
            ("context switches per token", rounds.switches),
        )
    )
    return [replace(threads, main=False), memory, switches]


CLAIMS = (
    Claim(
        "sync-blocks",
        "A sync client blocks its thread while it waits for each chunk; sync httpx is like requests in this.",
        _sync_blocks,
    ),
    Claim(
        "async-does-not-block",
        "An async client does not block: while it waits, the event loop does other work.",
        _async_does_not_block,
    ),
    Claim(
        "single-stream",
        "For a single stream, async need not be faster; it helps responsiveness and concurrency.",
        _single_stream,
    ),
    Claim(
        "sync-costs",
        "Sync: every request needs its own thread; at high concurrency many threads cost notable memory and "
        "context switches.",
        _sync_costs,
    ),
    Claim(
        "async-scales",
        "Async: one thread's event loop carries many connections; fewer threads, lower memory, fewer context "
        "switches: a large advantage for many concurrent streams.",
        _async_is_leaner,
    ),
)
