"""Estimate what an additional stream costs each client, apart from what the client costs to be there at all.

Memory and threads are straight lines over the number of streams, CPU and context switches over the tokens per
second: each round gives a line by least squares over its levels, the rounds give the interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadgen.analysis import effects, rounds
from loadgen.model import Cost, CostFinding, Resource, Round, Run, Summary


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of cost: ``y`` over ``x``, with the unit of its slope, and that of its fixed part in ``fixed_scale``."""

    resource: Resource
    growth_unit: str
    fixed_unit: str
    fixed_scale: float
    x: rounds.Quantity
    y: rounds.Quantity


def _streams(summary: Summary, _: Round) -> float | None:
    return summary.level.value


def _rss_kib(_: Summary, one: Round) -> float | None:
    peak = one.values.get("rss_peak_mib")
    return None if peak is None else peak * 1024


def _cpu_us_per_s(_: Summary, one: Round) -> float | None:
    percent = one.values.get("cpu_percent")
    return None if percent is None else percent * 1e4


def _switches_per_s(_: Summary, one: Round) -> float | None:
    each, tokens = one.values.get("switches_per_token"), one.values.get("tokens_per_s")
    return None if each is None or tokens is None else each * tokens


COSTS = (
    Line("memory", "KiB per stream", "MiB", 1 / 1024, _streams, _rss_kib),
    Line("threads", "per stream", "", 1.0, _streams, "threads_peak"),
    Line("cpu", "µs per token", "ms/s", 1e-3, "tokens_per_s", _cpu_us_per_s),
    Line("switches", "per token", "per s", 1.0, "tokens_per_s", _switches_per_s),
)


def findings(_: Run, summaries: Sequence[Summary]) -> list[CostFinding]:
    """Return a finding for each client that was measured at several numbers of streams."""
    closed = [s for s in rounds.valid(summaries) if s.level.streams is not None]
    return [
        CostFinding(client=client, lowest=sweep[0].level, highest=sweep[-1].level, costs=found)
        for client, sweep in rounds.sweeps(closed).items()
        if (found := tuple(_costs(sweep)))
    ]


def _costs(sweep: Sequence[Summary]) -> Iterable[Cost]:
    for cost in COSTS:
        lines = rounds.lines(sweep, cost.x, cost.y)
        growth = effects.mean(slope for _, slope in lines)
        fixed = effects.mean(intercept * cost.fixed_scale for intercept, _ in lines)
        if growth is not None and fixed is not None:
            yield Cost(
                resource=cost.resource,
                growth=growth,
                growth_unit=cost.growth_unit,
                fixed=fixed,
                fixed_unit=cost.fixed_unit,
            )
