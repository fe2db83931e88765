"""What figures differ by when nothing differs: one client, measured twice in every block under two names.

With no true difference, the log ratios of the two have mean zero, so their mean square is the variance of a
single block's ratio, with as many degrees of freedom as there are blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from loadgen.analysis import blocks, effects
from loadgen.analysis.validity import streams_told
from loadgen.model import TWIN, Effect, Finding, Summary, Validity

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
        at = {(s.client, s.concurrency): s for s in summaries if s.validity is not Validity.INVALID}
        self._pairs = {
            s.concurrency: (s, at[original, s.concurrency])
            for s in summaries
            if blocks.is_twin(s.client)
            and (s.client, s.concurrency) in at
            and (original := s.client.removesuffix(f" {TWIN}"), s.concurrency) in at
        }

    @property
    def levels(self) -> list[int]:
        """The concurrencies that have a pair."""
        return sorted(self._pairs)

    def client(self, concurrency: int) -> str:
        """Who was measured twice."""
        return self._pairs[concurrency][1].client

    def ratios(self, concurrency: int, figure: blocks.Figure) -> list[float]:
        """Log ratios of the two names, one per block."""
        twin, original = self._pairs[concurrency]
        return blocks.contrast([twin], [original], figure)

    def floor(self, concurrency: int, figure: blocks.Figure) -> float | None:
        """How far from 0 the log ratio of two equal clients, a mean over the blocks, lies at most, in 95 % of
        runs; ``None`` where nothing was measured twice."""
        if concurrency not in self._pairs:
            return None
        ratios = self.ratios(concurrency, figure)
        if len(ratios) < 2:
            return None
        square = math.fsum(ratio * ratio for ratio in ratios) / len(ratios)
        return effects.quantile(0.975, len(ratios)) * math.sqrt(square / len(ratios))


def findings(summaries: Sequence[Summary]) -> list[Finding]:
    """One per concurrency at which a client was measured twice; effects are how many percent the two differ by,
    with the floor as the line."""
    floors = Floors(summaries)
    return [
        Finding(
            kind="noise",
            id=f"noise@{n}",
            verdict="",
            statement=f"{floors.client(n)} measured twice at {streams_told(n)}: less than these shares is noise",
            evidence=(),
            effects=tuple(_effects(floors, n)),
        )
        for n in floors.levels
    ]


def _effects(floors: Floors, concurrency: int) -> Iterable[Effect]:
    for name, title in SHOWN:
        figure = blocks.column(name)
        floor, found = floors.floor(concurrency, figure), effects.mean(floors.ratios(concurrency, figure))
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
