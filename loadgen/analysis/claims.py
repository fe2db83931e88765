"""The claims board: the article's five claims as testable statements over the figures of a run.

A claim has parts, a part has effects, each with a line that decides. An effect holds when its whole interval
lies on the side of the line that speaks for the claim, contradicts when it lies on the other, and is undecided
when it spans the line, when the run has one block only, or when the difference of two clients is within what
one client differs from itself (:mod:`loadgen.analysis.noise`). The intervals of a part hold together: they are
widened by the number of its effects (Bonferroni).

A claim is *confirmed* when all its parts hold, *refuted* when a main part is contradicted, else *open*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from loadgen.analysis import blocks, costs, effects
from loadgen.analysis.blocks import Figure
from loadgen.analysis.noise import Floors
from loadgen.analysis.validity import streams_told
from loadgen.model import Effect, Finding, Summary, Validity

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
        return None if self.missing or not answers else self.decides(answers)


class Evidence:
    """The measurements that may testify: not invalid, neither a yardstick nor a client's second name."""

    def __init__(self, summaries: Sequence[Summary]) -> None:
        named = [
            s
            for s in summaries
            if s.client.split(" ")[0] not in blocks.YARDSTICKS and not blocks.is_twin(s.client)
        ]
        self.floors = Floors(summaries)
        self.invalid = [s for s in named if s.validity is Validity.INVALID]
        believed = [s for s in named if s.validity is not Validity.INVALID]
        self.ladders: Mapping[str, list[Summary]] = blocks.ladders(believed)
        self.sync = list(dict.fromkeys(s.client for s in believed if s.mode == "threads"))
        self.asyncs = list(dict.fromkeys(s.client for s in believed if s.mode == "tasks"))

    def at(self, client: str, concurrency: int) -> Summary | None:
        return next((s for s in self.ladders.get(client, ()) if s.concurrency == concurrency), None)

    def both(self, concurrency: int) -> tuple[list[Summary], list[Summary]]:
        """The sync and the async clients there."""
        found = [[s for c in of if (s := self.at(c, concurrency))] for of in (self.sync, self.asyncs)]
        return found[0], found[1]

    def most(self, least: int = 2) -> int | None:
        """The highest concurrency, of at least so many streams, at which every client was measured."""
        levels = [{s.concurrency for s in self.ladders[c]} for c in (*self.sync, *self.asyncs)]
        shared = [n for n in set.intersection(*levels) if n >= least] if levels else []
        return max(shared, default=None)


@dataclass(frozen=True, slots=True)
class Claim:
    """One of the article's."""

    id: str
    statement: str
    parts: Callable[[Evidence], list[Part]]

    def judge(self, evidence: Evidence) -> Finding:
        parts = self.parts(evidence)
        answers = [part.holds for part in parts]
        verdict = "open"
        if all(answers):
            verdict = "confirmed"
        elif any(answer is False and part.main for part, answer in zip(parts, answers, strict=True)):
            verdict = "refuted"
        missing = [part.missing for part in parts if part.missing]
        told = [effect for part in parts for effect in part.effects]
        alone = bool(told) and all(effect.low is None for effect in told)
        return Finding(
            kind="claim",
            id=self.id,
            verdict=verdict,
            statement=self.statement,
            evidence=(
                *(f"Undecided: {text}" for text in missing),
                *(
                    ["Undecided: measured once, which tells nothing of the noise: repeats: 3"]
                    if alone
                    else []
                ),
                *(
                    f"Not counted: {s.client} at {streams_told(s.concurrency)} is invalid"
                    for s in evidence.invalid
                ),
            ),
            effects=tuple(told),
        )


def findings(summaries: Sequence[Summary]) -> list[Finding]:
    """One per claim, in the article's order: ``confirmed``, ``refuted`` or ``open``, with this run's effects."""
    evidence = Evidence(summaries)
    return [claim.judge(evidence) for claim in CLAIMS]


# ---------------------------------------------------------------------------------------- effects with lines


def _effect(
    name: str,
    unit: str,
    found: effects.Estimate,
    line: float | None,
    *,
    above: bool,
    client: str = "",
    note: str = "",
) -> Effect:
    side = 0 if line is None else found.side(line)
    return Effect(
        name=name,
        unit=unit,
        value=found.value,
        low=found.low,
        high=found.high,
        line=line,
        holds=None if not side else (side > 0) == above,
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
    found = {client: effects.never_negative(of, len(there)) for client, of in there.items()}
    return [
        _effect(f"{name}, {client}{at}", unit, estimate, line, above=above, client=client)
        for client, estimate in found.items()
        if estimate is not None
    ]


def _contrast(
    evidence: Evidence,
    name: str,
    these: Sequence[Summary],
    those: Sequence[Summary],
    figure: Figure,
    line: float | None,
    comparisons: int = 1,
) -> Effect | None:
    """``these`` as a multiple of ``those``, geometric means over the clients, paired by block; below ``line`` speaks
    for the claim. Within the noise nothing is a difference."""
    found = effects.times(blocks.contrast(these, those, figure), comparisons)
    if found is None:
        return None
    effect = _effect(name, "times", found, line, above=False)
    floor = evidence.floors.floor(these[0].concurrency, figure)
    # no difference at all is a contradiction where a large one is claimed
    contradicts = effect.holds is False and line is not None and line < 1
    if floor is not None and abs(math.log(found.value)) <= floor and not contradicts:
        note = f"within the noise: one client differs from itself by up to {100 * math.expm1(floor):.3g} %"
        return replace(effect, holds=None, note=note)
    return effect


# ------------------------------------------------------------------------------------------ claims 1 and 2


def _threads_each(evidence: Evidence, clients: Sequence[str], line: float, *, above: bool) -> Part:
    """Threads that a further stream takes: over the levels where there are several, else beyond the client's own."""
    cost = next(cost for cost in costs.COSTS if cost.id == "threads")
    each: dict[str, list[float]] = {}
    for client in clients:
        ladder = evidence.ladders[client]
        slopes = [line[1] for line in blocks.lines(ladder, cost.x, cost.y)]
        top = ladder[-1]
        if not slopes and top.concurrency > 1:
            added = blocks.values(top, blocks.column("threads_added"))
            slopes = [value / top.concurrency for value in added.values()]
        each[client] = slopes
    told = _each("threads per further stream", "threads", each, line, above=above, at="")
    if not told:
        return Part(missing="threads were not measured with more than one stream")
    unknown = [client for client, of in each.items() if not of]
    return Part(told, missing=f"threads of {', '.join(unknown)} were not measured" if unknown else "")


def _tops(evidence: Evidence, clients: Sequence[str], least: int = 2) -> list[Summary]:
    """Each client's highest concurrency, where that is at least so many streams."""
    tops = [evidence.ladders[client][-1] for client in clients]
    return [top for top in tops if top.concurrency >= least]


def _at_top(
    tops: Sequence[Summary], name: str, unit: str, figure: Figure, line: float, *, above: bool
) -> Part:
    values = {top.client: blocks.values(top, figure).values() for top in tops}
    levels = {top.concurrency for top in tops}
    at = f" at {streams_told(max(levels))}" if len(levels) == 1 else ""
    told = _each(name, unit, values, line, above=above, at=at)
    return Part(told, missing="" if len(told) == len(tops) and told else f"{name}: not measured")


def _sync_blocks(evidence: Evidence) -> list[Part]:
    if not evidence.sync:
        return [Part(missing="no sync client was measured")]
    waits = blocks.column("voluntary_switches_per_token")
    tops = [evidence.ladders[client][-1] for client in evidence.sync]
    return [
        _threads_each(evidence, evidence.sync, OWN_THREAD, above=True),
        _at_top(tops, "sleeps per token (voluntary switches)", "per token", waits, WAITS, above=True),
        _alike(evidence),
    ]


def _alike(evidence: Evidence) -> Part:
    one, other = evidence.ladders.get("requests"), evidence.ladders.get("httpx-sync")
    shared = {s.concurrency for s in one or ()} & {s.concurrency for s in other or ()} - {1}
    if not shared:
        return Part(missing="requests and httpx-sync were not both measured at several streams")
    more, fewer = "httpx-sync", "requests"
    pair = [evidence.at(client, max(shared)) for client in (more, fewer)]
    these, those = ([s] for s in pair if s is not None)
    ratios = blocks.contrast(these, those, blocks.column("threads_added"))
    if math.fsum(ratios) < 0:
        more, fewer, ratios = fewer, more, [-ratio for ratio in ratios]
    found = effects.times(ratios)
    if found is None:
        return Part(missing="threads of requests and httpx-sync were not both measured")
    holds: Holds = None
    if found.low is not None and found.high is not None:
        if found.low > 1 / ALIKE and found.high < ALIKE:
            holds = True
        elif found.high < 1 / ALIKE or found.low > ALIKE:
            holds = False
    name = f"threads, {more} as a multiple of {fewer}, at {streams_told(max(shared))}"
    effect = _effect(name, "times", found, ALIKE, above=False, note=f"alike within {ALIKE - 1:.0%}")
    return Part([replace(effect, holds=holds)])


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


def _open_share(summary: Summary, block: blocks.Block) -> float | None:
    peak = block.get("live_peak")
    return None if peak is None else peak / summary.concurrency


def _lag_share(_: Summary, block: blocks.Block) -> float | None:
    lag, total = block.get("lag_p50_ms"), block.get("total_p50_ms")
    return None if lag is None or not total else lag / total


# ------------------------------------------------------------------------------------------------- claim 3


def _single_stream(evidence: Evidence) -> list[Part]:
    return [_need_not_be_faster(evidence), _more_responsive(evidence)]


def _need_not_be_faster(evidence: Evidence) -> Part:
    """One async client that is not faster than one sync client is enough: it says "need not"."""
    sync, asyncs = evidence.both(1)
    pairs = list(product(asyncs, sync))
    total = blocks.column("total_p50_ms")
    told = []
    for one, other in pairs:
        ratios = blocks.contrast([one], [other], total)
        found = effects.times(ratios, len(pairs))
        if found is not None:
            name = f"total time, {one.client} as a multiple of {other.client}, at 1 stream"
            told.append(_effect(name, "times", found, FASTER, above=True, note=ENOUGH))
    if not told:
        return Part(missing="no sync and async client were both measured at one stream")
    return Part(told, decides=_any)


def _more_responsive(evidence: Evidence) -> Part:
    top = evidence.most()
    if top is None or not evidence.sync or not evidence.asyncs:
        return Part(missing="sync and async clients were not all measured at several streams")
    sync, asyncs = evidence.both(top)
    for name, what in (("lag_p99_ms", "lag p99"), ("ttft_p99_ms", "TTFT p99")):
        figure = blocks.column(name)
        title = f"{what}, async as a multiple of sync, at {streams_told(top)}"
        together = _contrast(evidence, title, asyncs, sync, figure, 1.0)
        if together is not None:
            return Part([together, *_pairs(evidence, what, figure, top)])
    return Part(missing="too few values to compare lag or TTFT")


def _pairs(evidence: Evidence, what: str, figure: Figure, concurrency: int) -> list[Effect]:
    """Each async client against each sync one: shown, not decisive."""
    sync, asyncs = evidence.both(concurrency)
    pairs = list(product(asyncs, sync))
    if len(pairs) < 2:
        return []
    told = (
        _contrast(
            evidence, f"{what}, {a.client} as a multiple of {s.client}", [a], [s], figure, None, len(pairs)
        )
        for a, s in pairs
    )
    return [effect for effect in told if effect is not None]


# ------------------------------------------------------------------------------------------ claims 4 and 5


def _sync_costs(evidence: Evidence) -> list[Part]:
    tops = _tops(evidence, evidence.sync, HIGH)
    if not tops:
        return [Part(missing=f"no sync client was measured at {HIGH} streams or more")]
    clients = [top.client for top in tops]
    return [
        replace(_threads_each(evidence, clients, OWN_THREAD, above=True), main=False),
        _at_top(
            tops, "memory added, of the client's own", "share", _memory_added, NOTABLE_MEMORY, above=True
        ),
        _at_top(tops, "context switches", "per token", blocks.switches, NOTABLE_SWITCHES, above=True),
    ]


def _memory_added(summary: Summary, block: blocks.Block) -> float | None:
    each, base = block.get("rss_per_stream_kib"), block.get("rss_base_mib")
    return None if each is None or not base else each * summary.concurrency / 1024 / base


def _async_is_leaner(evidence: Evidence) -> list[Part]:
    top = evidence.most(HIGH)
    if top is None or not evidence.sync or not evidence.asyncs:
        return [Part(missing=f"sync and async clients were not all measured at {HIGH} streams or more")]
    sync, asyncs = evidence.both(top)
    parts = []
    for what, figure in (
        ("threads", blocks.column("threads_peak")),
        ("memory per stream", blocks.column("rss_per_stream_kib")),
        ("context switches per token", blocks.switches),
    ):
        name = f"{what}, async as a multiple of sync, at {streams_told(top)}"
        together = _contrast(evidence, name, asyncs, sync, figure, LARGE)
        if together is None:
            parts.append(Part(missing=f"{what}: not measured"))
        else:
            parts.append(Part([together, *_pairs(evidence, what, figure, top)], main=what != "threads"))
    return parts


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
