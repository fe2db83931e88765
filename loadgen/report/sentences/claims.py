"""The five claims about sync and async clients, and what a run says about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loadgen.model import ClaimEffect, ClaimFinding, ClaimPart, ClientId, Level, Missing, Mode, Shortfall
from loadgen.model.argument import Excluded
from loadgen.report.sentences import Sentences
from loadgen.report.text import number

ARTICLE = 'the article "Exploring streaming HTTP responses …" (2025)'
SCENARIO = "scenarios/sweep.yaml"

STATEMENTS = {
    "sync-blocks": "A sync client blocks its thread while it waits for each chunk; sync httpx is like requests in "
    "this.",
    "async-does-not-block": "An async client does not block: while it waits, the event loop does other work.",
    "single-stream": "For a single stream, async need not be faster; it helps responsiveness and concurrency.",
    "sync-costs": "Sync: every request needs its own thread; at high concurrency many threads cost notable memory and "
    "context switches.",
    "async-scales": "Async: one thread's event loop carries many connections; fewer threads, lower memory, fewer "
    "context switches: a large advantage for many concurrent streams.",
}
MEASURES = {
    "threads_per_stream": "threads per additional stream",
    "voluntary_switches_per_token": "voluntary context switches per token",
    "threads_added": "threads added",
    "open_share": "peak in flight ÷ target concurrency",
    "lag_share": "median delivery lag ÷ median total time",
    "total_p50_ms": "median total time",
    "lag_p99_ms": "delivery lag p99",
    "ttft_p99_ms": "TTFT p99",
    "memory_growth_share": "memory growth over the client's baseline",
    "switches_per_token": "context switches per token",
    "threads_peak": "threads",
    "rss_per_stream_kib": "memory per stream",
}
_MODES: Mapping[tuple[Mode, ...], str] = {("threads",): "a sync client", ("tasks",): "an async client"}
SHORTFALLS = {
    Shortfall.NO_SYNC_CLIENT: "no sync client was measured",
    Shortfall.NO_ASYNC_CLIENT: "no async client was measured",
    Shortfall.ONE_LEVEL: "sync and async clients were not measured at two levels",
    Shortfall.FEW_REPEATS: "there are fewer than three repeats",
    Shortfall.NOT_VALID: "too few of the measurements are valid",
}


def sentences(finding: ClaimFinding) -> Sentences:
    """Return the claim, and what there is to say about its verdict."""
    lines = reasons(finding)
    if finding.excluded:
        lines.append(f"Excluded, because not valid: {excluded(finding.excluded)}")
    return Sentences(STATEMENTS[finding.claim], tuple(lines))


def reasons(finding: ClaimFinding) -> list[str]:
    """Return why a claim is undecided, and where clients differ."""
    missing = [_missing(one) for part in finding.parts for one in part.missing]
    once = bool(finding.effects) and all(effect.low is None for effect in finding.effects)
    return [
        *(f"Undecided: {text}" for text in dict.fromkeys(missing)),
        *(f"Clients differ in {measure(part)}" for part in finding.parts if _differ(part)),
        *(["Undecided: one repeat gives no estimate of the noise; use repeats: 3"] if once else []),
    ]


def not_decided(shortfalls: Sequence[Shortfall]) -> str:
    """Return the one line of a run that cannot decide the claims."""
    why = " and ".join(SHORTFALLS[one] for one in shortfalls)
    return (
        f"The five claims about sync and async clients are undecided: {why}. "
        f"To decide them: loadgen run {SCENARIO}"
    )


def excluded(measurements: Sequence[Excluded]) -> str:
    """Return which measurements are not valid: ``aiohttp at 10 streams (suspect); requests at …``."""
    return "; ".join(f"{one.client} at {one.level} ({one.validity.value})" for one in measurements)


def measure(part: ClaimPart) -> str:
    """Return what the part is about."""
    return MEASURES[part.measure] if part.measure else ""


def who(effect: ClaimEffect, *, level: bool = False) -> str:
    """Return whose effect it is: ``aiohttp`` or ``aiohttp ÷ requests``; with ``level``, and where."""
    name = str(effect.client) if effect.baseline is None else f"{effect.client} ÷ {effect.baseline}"
    return f"{name} at {effect.level}" if level and effect.level else name


def criterion(effect: ClaimEffect) -> str:
    """Return which values support the claim: ``> 0.9``, ``< 10 %`` or ``0.909 to 1.1``."""
    if effect.direction == "within":
        return f"{number(1 / effect.line)} to {effect.line:g}"
    return f"{'>' if effect.direction == 'above' else '<'} {_line(effect)}"


def supports(part: ClaimPart) -> str:
    """Return the criterion of the part's effects as a sentence."""
    effect = part.effects[0]
    enough = "; one is enough" if part.decided_by == "any" else ""
    if effect.direction == "within":
        return f"between {number(1 / effect.line)} and {effect.line:g} supports it{enough}"
    return f"{'more' if effect.direction == 'above' else 'less'} than {_line(effect)} supports it{enough}"


def note(effect: ClaimEffect) -> str:
    """Return why an effect is undecided, where the interval alone does not show it."""
    if effect.noise is not None:
        return f"within the noise: one client differs from itself by up to {number(100 * effect.noise)} %"
    if effect.comparisons is not None:
        return f"one of {effect.comparisons} comparisons: it may be so by chance"
    return ""


def _line(effect: ClaimEffect) -> str:
    return f"{100 * effect.line:g} %" if effect.unit == "share" else f"{effect.line:g}"


def _differ(part: ClaimPart) -> bool:
    results = {effect.result for effect in part.effects}
    return part.decided_by == "all" and {"supports", "contradicts"} <= results


def _missing(missing: Missing) -> str:
    names = _names(missing.clients)
    if missing.measure is not None:
        return f"{MEASURES[missing.measure]} was not measured" + (f" for {names}" if names else "")
    if missing.modes:
        names = _MODES.get(missing.modes, "both sync and async clients")
    return f"there is no valid measurement of {names}{_range(missing)}"


def _range(missing: Missing) -> str:
    if missing.max_streams is not None:
        return f" at {Level(streams=missing.max_streams)}"
    return "" if missing.min_streams == 1 else f" at {Level(streams=missing.min_streams)} or more"


def _names(clients: Sequence[ClientId]) -> str:
    return " and ".join(", ".join(map(str, of)) for of in (clients[:-1], clients[-1:]) if of)
