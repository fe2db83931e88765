"""Estimate the noise from one client that is measured twice in every round (the A/A control).

With no true difference, the log ratios of the two measurements have mean zero, so their mean square is the variance
of one round's ratio, with as many degrees of freedom as there are rounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from loadgen.analysis import effects, rounds
from loadgen.analysis.metrics import compared
from loadgen.model import ClientId, Estimate, Level, NoiseFinding, NoiseThreshold, Run, Summary, Validity


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

    def ratios(self, level: Level, quantity: rounds.Quantity) -> list[float]:
        """Return the log ratios of control and original, one per round."""
        control, original = self._pairs[level]
        return rounds.contrast([control], [original], quantity)

    def threshold(self, level: Level, quantity: rounds.Quantity) -> float | None:
        """Return how far from 0 the mean log ratio of two equal clients lies at most in 95 % of runs.

        ``None`` where no client was measured twice in two rounds or more.
        """
        ratios = self.ratios(level, quantity) if level in self._pairs else []
        if len(ratios) < 2:
            return None
        square = math.fsum(ratio * ratio for ratio in ratios) / len(ratios)
        return effects.quantile(0.975, len(ratios)) * math.sqrt(square / len(ratios))


def findings(_: Run, summaries: Sequence[Summary]) -> list[NoiseFinding]:
    """Return one for each level at which a client was measured twice in two rounds or more."""
    controls = NoiseThresholds(summaries)
    found = [
        NoiseFinding(
            client=controls.client(level), level=level, thresholds=tuple(_thresholds(controls, level))
        )
        for level in controls.levels
    ]
    return [finding for finding in found if finding.thresholds]


def _thresholds(controls: NoiseThresholds, level: Level) -> Iterator[NoiseThreshold]:
    for column in compared():
        threshold = controls.threshold(level, column.name)
        difference = effects.times(controls.ratios(level, column.name))
        if threshold is None or difference is None or difference.low is None or difference.high is None:
            continue
        yield NoiseThreshold(
            metric=column.name,
            threshold=math.expm1(min(threshold, 50.0)),
            difference=Estimate(difference.value - 1, difference.low - 1, difference.high - 1, difference.n),
        )
