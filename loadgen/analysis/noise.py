"""Estimate the noise from one client that is measured twice in every round (the A/A control).

With no true difference, the log ratios of the two measurements have mean zero, so their mean square is the variance
of one round's ratio, with as many degrees of freedom as there are rounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from loadgen.analysis import effects, rounds
from loadgen.analysis.metrics import compared
from loadgen.model import Estimate, Level, NoiseFinding, NoiseThreshold, Run, Summary, Validity


class NoiseThresholds:
    """The smallest ratios that are more than noise: ``pairs`` of control and original, by the levels that have one."""

    def __init__(self, summaries: Sequence[Summary]) -> None:
        valid = {(s.client, s.level): s for s in summaries if s.validity is not Validity.INVALID}
        self.pairs = {
            level: (control, original)
            for (client, level), control in valid.items()
            if client.control and (original := valid.get((client.original, level)))
        }

    def ratios(self, level: Level, quantity: rounds.Quantity) -> list[float]:
        """Return the log ratios of control and original, one per round."""
        control, original = self.pairs[level]
        return rounds.contrast([control], [original], quantity)

    def threshold(self, level: Level, quantity: rounds.Quantity) -> float | None:
        """Return how far from 0 the mean log ratio of two equal clients lies at most in 95 % of runs.

        ``None`` where no client was measured twice in two rounds or more.
        """
        ratios = self.ratios(level, quantity) if level in self.pairs else []
        if len(ratios) < 2:
            return None
        square = math.fsum(ratio * ratio for ratio in ratios) / len(ratios)
        return effects.quantile(0.975, len(ratios)) * math.sqrt(square / len(ratios))


def findings(_: Run, summaries: Sequence[Summary]) -> list[NoiseFinding]:
    """Return one for each level at which a client was measured twice in two rounds or more."""
    controls = NoiseThresholds(summaries)
    return [
        NoiseFinding(client=original.client, level=level, thresholds=thresholds)
        for level, (_, original) in sorted(controls.pairs.items())
        if (thresholds := tuple(_thresholds(controls, level)))
    ]


def _thresholds(controls: NoiseThresholds, level: Level) -> Iterator[NoiseThreshold]:
    for column in compared():
        threshold = controls.threshold(level, column.name)
        of = effects.times(controls.ratios(level, column.name))
        if threshold is not None and of and of.low is not None and of.high is not None:
            difference = Estimate(of.value - 1, of.low - 1, of.high - 1, of.n)
            yield NoiseThreshold(
                metric=column.name, threshold=math.expm1(min(threshold, 50.0)), difference=difference
            )
