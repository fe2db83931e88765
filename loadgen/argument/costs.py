"""What a further stream costs each client, apart from what it costs to be there at all.

Memory and threads are straight lines over the number of streams, CPU and context switches over the tokens per
second: each block gives a line by least squares over its levels, the blocks give the interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from loadgen.analysis import effects, rounds
from loadgen.model import Effect, Summary, TextFinding


@dataclass(frozen=True, slots=True)
class Cost:
    """``y`` grows by ``each`` per ``x`` and begins at ``fixed``; units are those of ``y``."""

    id: str
    name: str
    each: str
    fixed: str
    fixed_scale: float
    x: rounds.Figure
    y: rounds.Figure
    said: Callable[[str], str]


def _streams(summary: Summary, _: rounds.Round) -> float | None:
    return summary.level.value


def _rss_kib(_: Summary, block: rounds.Round) -> float | None:
    peak = block.get("rss_peak_mib")
    return None if peak is None else peak * 1024


def _cpu_us_per_s(_: Summary, block: rounds.Round) -> float | None:
    percent = block.get("cpu_percent")
    return None if percent is None else percent * 1e4


def _switches_per_s(summary: Summary, block: rounds.Round) -> float | None:
    each, tokens = rounds.switches(summary, block), block.get("tokens_per_s")
    return None if each is None or tokens is None else each * tokens


COSTS = (
    Cost(
        "memory", "memory", "KiB per stream", "MiB", 1 / 1024, _streams, _rss_kib, lambda it: f"{it} KiB of memory"
    ),
    Cost(
        "threads", "threads", "per stream", "", 1.0, _streams, rounds.column("threads_peak"), lambda it: f"{it} threads"
    ),
    Cost(
        "cpu", "CPU", "µs per token", "ms/s", 1e-3, rounds.column("tokens_per_s"), _cpu_us_per_s,
        lambda it: f"{it} µs of CPU",
    ),
    Cost(
        "switches", "context switches", "per token", "per s", 1.0, rounds.column("tokens_per_s"), _switches_per_s,
        lambda it: f"{it} context switches",
    ),
)  # fmt: skip


def findings(summaries: Sequence[Summary]) -> list[TextFinding]:
    """One per client that was measured at several concurrencies."""
    ladders = rounds.sweeps(rounds.valid(summaries))
    return [
        found for client, ladder in ladders.items() if (found := _finding(client.label, ladder)) is not None
    ]


def _finding(client: str, ladder: Sequence[Summary]) -> TextFinding | None:
    told = tuple(effect for cost in COSTS for effect in _effects(client, ladder, cost))
    if not told:
        return None
    by_name = {effect.name: effect for effect in told}
    streams = [cost.said(_figure(by_name[cost.name])) for cost in COSTS[:2] if cost.name in by_name]
    tokens = [cost.said(_figure(by_name[cost.name])) for cost in COSTS[2:] if cost.name in by_name]
    said = [
        *([f"each further stream costs {' and '.join(streams)}"] if streams else []),
        *([f"each further token {'' if streams else 'costs '}{' and '.join(tokens)}"] if tokens else []),
    ]
    levels = f"from {ladder[0].level.value:,g} to {ladder[-1].level.value:,g} streams"
    return TextFinding(
        kind="cost",
        id=client,
        verdict="",
        statement=f"{client}, {levels}: {', '.join(said)}",
        evidence=(),
        effects=told,
    )


def _effects(client: str, ladder: Sequence[Summary], cost: Cost) -> Iterable[Effect]:
    lines = rounds.lines(ladder, cost.x, cost.y)
    growing, fixed = effects.mean(line[1] for line in lines), effects.mean(line[0] for line in lines)
    if growing is None or fixed is None:
        return
    yield _effect(cost.name, cost.each, growing, 1.0, client)
    yield _effect(f"{cost.name}, fixed", cost.fixed, fixed, cost.fixed_scale, client)


def _effect(name: str, unit: str, found: effects.Estimate, scale: float, client: str) -> Effect:
    low, high = (None if bound is None else bound * scale for bound in (found.low, found.high))
    return Effect(name=name, unit=unit, value=found.value * scale, low=low, high=high, client=client)


def _figure(effect: Effect) -> str:
    bounds = f" ({_short(effect.low)} to {_short(effect.high)})" if effect.low is not None else ""
    return f"{_short(effect.value)}{bounds}"


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
