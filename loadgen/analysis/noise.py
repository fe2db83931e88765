"""What figures differ by when nothing differs: one client, measured twice in every block under two names.

With no true difference, the log ratios of the two have mean zero, so their mean square is the variance of a
single block's ratio, with as many degrees of freedom as there are blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from loadgen.analysis import effects, rounds
from loadgen.model import ClientId, Effect, Level, Summary, TextFinding, Validity

SHOWN = (
    ("ttft_p50_ms", "TTFT p50"),
    ("ttft_p99_ms", "TTFT p99"),
    ("itl_p99_ms", "ITL p99"),
    ("total_p50_ms", "total p50"),
    ("lag_p50_ms", "lag p50"),
    ("lag_p99_ms", "lag p99"),
    ("rss_per_stream_kib", "memory per stream"),
    ("cpu_us_per_token", "CPU per token"),
    ("voluntary_switches_per_token", "voluntary switches per token"),
)


class Floors:
    """The least ratios that are more than noise."""

    def __init__(self, summaries: Sequence[Summary]) -> None:
        at = {(s.client, s.level): s for s in summaries if s.validity is not Validity.INVALID}
        self._pairs = {
            s.level: (s, at[s.client.original, s.level])
            for s in summaries
            if rounds.is_control(s.client)
            and (s.client, s.level) in at
            and (s.client.original, s.level) in at
        }

    @property
    def levels(self) -> list[Level]:
        """The concurrencies that have a pair."""
        return sorted(self._pairs)

    def client(self, level: Level) -> ClientId:
        """Who was measured twice."""
        return self._pairs[level][1].client

    def ratios(self, level: Level, figure: rounds.Figure) -> list[float]:
        """Log ratios of the two names, one per block."""
        control, original = self._pairs[level]
        return rounds.contrast([control], [original], figure)

    def floor(self, level: Level, figure: rounds.Figure) -> float | None:
        """How far from 0 the log ratio of two equal clients, a mean over the blocks, lies at most, in 95 % of
        runs; ``None`` where nothing was measured twice."""
        if level not in self._pairs:
            return None
        ratios = self.ratios(level, figure)
        if len(ratios) < 2:
            return None
        square = math.fsum(ratio * ratio for ratio in ratios) / len(ratios)
        return effects.quantile(0.975, len(ratios)) * math.sqrt(square / len(ratios))


def findings(summaries: Sequence[Summary]) -> list[TextFinding]:
    """One per concurrency at which a client was measured twice; effects are how many percent the two differ by,
    with the floor as the line."""
    floors = Floors(summaries)
    return [
        TextFinding(
            kind="noise",
            id=f"noise@{n.value:g}",
            verdict="",
            statement=f"{floors.client(n)} measured twice at {n}: less than these shares is noise",
            evidence=(),
            effects=tuple(_effects(floors, n)),
        )
        for n in floors.levels
    ]


def _effects(floors: Floors, level: Level) -> Iterable[Effect]:
    for name, title in SHOWN:
        figure = rounds.column(name)
        floor, found = floors.floor(level, figure), effects.mean(floors.ratios(level, figure))
        if floor is None or found is None or found.low is None or found.high is None:
            continue
        yield Effect(
            name=title,
            unit="%",
            value=_percent(found.value),
            low=_percent(found.low),
            high=_percent(found.high),
            line=_percent(floor),
        )


def _percent(log_ratio: float) -> float:
    return 100 * math.expm1(min(log_ratio, 50))
