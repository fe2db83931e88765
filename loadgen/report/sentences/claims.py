"""The five claims about sync and async clients, their statements, and what a run says about each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from loadgen.analysis.metrics import column
from loadgen.model import (
    ClaimEffect,
    ClaimFinding,
    ClaimStatement,
    ClientId,
    Level,
    Missing,
    Mode,
    Result,
    Shortfall,
    Statement,
)
from loadgen.model.argument import Excluded
from loadgen.report.columns import label, level_text, where
from loadgen.report.language import _
from loadgen.report.sentences import Sentences
from loadgen.report.text import clauses, joined, listed, number

ARTICLE = 'the article "Exploring streaming HTTP responses …" (2025)'
SCENARIO = "scenarios/sweep.yaml"

CLAIMS = {
    "sync-blocks": "A sync client blocks its thread while it waits for each chunk; sync httpx is like requests in "
    "this.",
    "async-does-not-block": "An async client does not block: while it waits, the event loop does other work.",
    "single-stream": "For a single stream, async need not be faster; it helps responsiveness and concurrency.",
    "sync-costs": "Sync: every request needs its own thread; at high concurrency many threads cost notable memory and "
    "context switches.",
    "async-scales": "Async: one thread's event loop carries many connections; fewer threads, lower memory, fewer "
    "context switches: a large advantage for many concurrent streams.",
}
STATEMENTS = {
    "own_thread": "Each stream of a sync client has a thread of its own",
    "thread_waits": "A sync client's thread sleeps while it waits",
    "httpx_like_requests": "Sync httpx takes as many threads as requests",
    "no_own_thread": "A stream of an async client takes no thread",
    "all_open": "An async client has all streams open at once",
    "median_in_time": "The median token of an async client arrives in time",
    "loop_free": "Tokens of an async client are hardly ever late because its event loop is busy",
    "not_faster_alone": "For a single stream, async need not be faster",
    "more_responsive": "Among many streams, async is more responsive",
    "notable_memory": "Many streams of a sync client take notable memory",
    "notable_switches": "Many streams of a sync client take notable context switches",
    "fewer_threads": "Async takes far fewer threads",
    "lower_memory": "Async takes far less memory",
    "fewer_switches": "Async takes far fewer context switches",
}
MEASURES = {
    "threads_per_stream": "threads per additional stream",
    "voluntary_switches_per_token": "voluntary context switches per token",
    "threads_added": "threads added",
    "open_share": "peak in flight ÷ target concurrency",
    "lag_share": "median delivery lag ÷ median total time",
    "busy_share": "tokens over 3 ms late, event loop busy",
    "total_p50_ms": "median total time",
    "lag_p99_ms": "delivery lag p99",
    "ttft_p99_ms": "TTFT p99",
    "memory_growth_share": "memory growth over the client's baseline",
    "switches_per_token": "context switches per token",
    "threads_peak": "threads",
    "rss_per_stream_kib": "memory per stream",
}
MODES: Mapping[tuple[Mode, ...], str] = {("threads",): "a sync client", ("tasks",): "an async client"}
TRUE_OF: Mapping[Result, str] = {
    "supports": "true of {clients}", "contradicts": "not of {clients}", "undecided": "undecided of {clients}",
}  # fmt: skip
SHORTFALLS = {
    Shortfall.NO_SYNC_CLIENT: "no sync client was measured",
    Shortfall.NO_ASYNC_CLIENT: "no async client was measured",
    Shortfall.ONE_LEVEL: "sync and async clients were not measured at two levels",
    Shortfall.FEW_REPEATS: "there are fewer than three repeats",
    Shortfall.NOT_VALID: "too few of the measurements are valid",
}


def sentences(finding: ClaimFinding) -> Sentences:
    """Return the claim, the verdict of each of its statements, and what there is to say about them."""
    lines = [
        _("{verdict}: {statement}").format(verdict=_(one.verdict).capitalize(), statement=statement(one))
        for one in finding.statements
    ]
    lines += reasons(finding)
    if finding.excluded:
        text = _("Excluded, because not valid: {measurements}")
        lines.append(text.format(measurements=excluded(finding.excluded)))
    return Sentences(_(CLAIMS[finding.claim]), tuple(lines))


def statement(one: ClaimStatement) -> str:
    """Return the statement; where it is mixed, of whom it is true and of whom it is not."""
    text = _(STATEMENTS[one.statement.name])
    if one.verdict != "mixed":
        return text
    return _("{statement}: {of}").format(statement=text, of=clauses(_whom(one)))


def _whom(one: ClaimStatement) -> Iterator[str]:
    results: dict[ClientId, set[Result]] = {}
    for effect in one.effects:
        results.setdefault(effect.client, set()).add(effect.result)
    for result, words in TRUE_OF.items():
        names = (
            str(effect.client) if len(results[effect.client]) == 1 else who(effect)
            for effect in one.effects
            if effect.result == result
        )
        if found := list(dict.fromkeys(names)):
            yield _(words).format(clients=listed(found))


def reasons(finding: ClaimFinding) -> list[str]:
    """Return why statements of the claim are undecided."""
    missing = [_missing(one) for part in finding.statements for one in part.missing]
    effects = [effect for part in finding.statements for effect in part.effects]
    once = bool(effects) and all(effect.estimate.low is None for effect in effects)
    return [
        *(_("Undecided: {why}").format(why=why) for why in dict.fromkeys(missing)),
        *([_("Undecided: one repeat gives no estimate of the noise; use repeats: 3")] if once else []),
    ]


def not_decided(shortfalls: Sequence[Shortfall]) -> str:
    """Return the one line of a run that cannot decide the claims."""
    why = _(" and ").join(_(SHORTFALLS[one]) for one in shortfalls)
    return _("Undecided: {why}. To decide them: loadgen run {scenario}").format(why=why, scenario=SCENARIO)


def excluded(measurements: Sequence[Excluded]) -> str:
    """Return which measurements are not valid: ``aiohttp at 10 streams (suspect); requests at …``."""
    return clauses(f"{where(one.client, one.level)} ({_(one.validity.value)})" for one in measurements)


def who(effect: ClaimEffect, *, level: bool = False) -> str:
    """Return whose effect it is: ``aiohttp`` or ``aiohttp ÷ requests``; with ``level``, and where."""
    name = str(effect.client) if effect.baseline is None else f"{effect.client} ÷ {effect.baseline}"
    return where(name, effect.level) if level and effect.level else name


def criterion(one: Statement, above: str = ">", below: str = "<") -> str:
    """Return which values support the statement: ``> 0.9``, ``< 10 %`` or ``0.909 to 1.1``."""
    line = f"{100 * one.line:g} %" if one.unit == "share" else f"{one.line:g}"
    if one.direction == "within":
        return _("{low} to {high}").format(low=number(1 / one.line), high=line)
    return f"{above if one.direction == 'above' else below} {line}"


def measures(effects: Iterable[ClaimEffect]) -> str:
    """Return what the effects are of: ``median total time``, ``TPOT p50`` where answers differ in length."""
    names = dict.fromkeys(effect.measure for effect in effects)
    return joined(_(MEASURES[name]) if name in MEASURES else label(column(name)) for name in names)


def note(effect: ClaimEffect) -> str:
    """Return why an effect is undecided, where the interval alone does not show it."""
    if effect.noise is not None:
        text = _("within the noise: one client differs from itself by up to {share} %")
        return text.format(share=number(100 * effect.noise))
    if effect.comparisons is not None:
        return _("one of {n} comparisons: it may be so by chance").format(n=effect.comparisons)
    return ""


def _missing(missing: Missing) -> str:
    names = listed(map(str, missing.clients))
    if missing.measure is not None:
        text = _("{measure} was not measured for {clients}") if names else _("{measure} was not measured")
        return text.format(measure=_(MEASURES[missing.measure]), clients=names)
    if missing.modes:
        known = missing.modes in MODES
        names = _(MODES[missing.modes]) if known else _("both sync and async clients")
    return _("there is no valid measurement of {clients}{range}").format(clients=names, range=_range(missing))


def _range(missing: Missing) -> str:
    if missing.max_streams is not None:
        return _(" at {level}").format(level=level_text(Level(streams=missing.max_streams)))
    if missing.min_streams == 1:
        return ""
    return _(" at {level} or more").format(level=level_text(Level(streams=missing.min_streams)))
