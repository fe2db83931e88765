"""How much figures differ when nothing does: one client, measured twice in every round (the A/A control).

With no true difference, the log ratios of the two measurements have mean zero, so their mean square is the variance
of one round's ratio, with as many degrees of freedom as there are rounds.
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


class NoiseThresholds:
    """The smallest ratios that are more than noise, per level that has an A/A control."""

    def __init__(self, summaries: Sequence[Summary]) -> None:
        valid = {(s.client, s.level): s for s in summaries if s.validity is not Validity.INVALID}
        self._pairs = {
            level: (control, original)
            for (client, level), control in valid.items()
            if client.control and (original := valid.get((client.original, level)))
        }

    @property
    def levels(self) -> list[Level]:
        """Return the levels that have a pair."""
        return sorted(self._pairs)

    def client(self, level: Level) -> ClientId:
        """Return the client that was measured twice."""
        return self._pairs[level][1].client

    def ratios(self, level: Level, figure: rounds.Figure) -> list[float]:
        """Return the log ratios of control and original, one per round."""
        control, original = self._pairs[level]
        return rounds.contrast([control], [original], figure)

    def threshold(self, level: Level, figure: rounds.Figure) -> float | None:
        """Return how far from 0 the mean log ratio of two equal clients lies at most in 95 % of runs.

        ``None`` where no client was measured twice in two rounds or more.
        """
        ratios = self.ratios(level, figure) if level in self._pairs else []
        if len(ratios) < 2:
            return None
        square = math.fsum(ratio * ratio for ratio in ratios) / len(ratios)
        return effects.quantile(0.975, len(ratios)) * math.sqrt(square / len(ratios))


def findings(summaries: Sequence[Summary]) -> list[TextFinding]:
    """One per concurrency at which a client was measured twice; effects are how many percent the two differ by,
    with the floor as the line."""
    thresholds = NoiseThresholds(summaries)
    return [
        TextFinding(
            kind="noise",
            id=f"noise@{n.value:g}",
            verdict="",
            statement=f"{thresholds.client(n)} measured twice at {n}: less than these shares is noise",
            evidence=(),
            effects=tuple(_effects(thresholds, n)),
        )
        for n in thresholds.levels
    ]


def _effects(thresholds: NoiseThresholds, level: Level) -> Iterable[Effect]:
    for name, title in SHOWN:
        figure = rounds.column(name)
        threshold, found = thresholds.threshold(level, figure), effects.mean(thresholds.ratios(level, figure))
        if threshold is None or found is None or found.low is None or found.high is None:
            continue
        yield Effect(
            name=title,
            unit="%",
            value=_percent(found.value),
            low=_percent(found.low),
            high=_percent(found.high),
            line=_percent(threshold),
        )


def _percent(log_ratio: float) -> float:
    return 100 * math.expm1(min(log_ratio, 50))
