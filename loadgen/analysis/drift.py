"""Metrics that changed while they were measured: within a cell, and from round to round.

The halves of a cell are compared by the rank test of Mann and Whitney (1947, "On a test of whether one of two random
variables is stochastically larger than the other"), normal approximation; the significance is shared by all cells of
the run (Bonferroni). Each round has one mean, over all clients and levels, of the deviations from their own mean over
the rounds; a least-squares line through these means gives the change from the first round to the last.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

import numpy as np

from loadgen.analysis import effects, rounds
from loadgen.analysis.measures import Ints
from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.model import DriftFinding, Estimate, Run, Summary

SIGNIFICANCE = 0.01  # how often a run without any drift is flagged
MIN_STREAMS = 20  # of a cell that is cut in two
MIN_ROUNDS = 3
WITHIN = 0.10  # a smaller change within a cell, as a share, is ignored
ACROSS = 0.05  # and so is one from the first round to the last
TTFT = "ttft_p50_ms"
ACROSS_METRICS = (TTFT, "lag_p50_ms", "cpu_us_per_token")


def findings(run: Run, summaries: Sequence[Summary]) -> list[DriftFinding]:
    """Return what drifted. Runs with stages are skipped: they change within a cell on purpose."""
    staged = run.info.scenario.workload.load.is_staged
    within = [] if staged else list(_within(repeats_of(run.recordings)))
    return [*within, *_across(rounds.valid(summaries))]


def _within(repeats: Sequence[Repeat]) -> Iterable[DriftFinding]:
    halves = [(repeat.recording, found) for repeat in repeats if (found := _halves(repeat)) is not None]
    if not halves:
        return
    for recording, (first, second) in halves:
        before, after = float(np.median(first)) / 1e6, float(np.median(second)) / 1e6
        p = effects.same_ranks(first, second)
        if p * len(halves) < SIGNIFICANCE and abs(after - before) > WITHIN * before:
            yield DriftFinding(
                client=recording.client,
                level=recording.level,
                metric=TTFT,
                change=Estimate(after / before - 1 if before else math.inf),
                repeat=recording.repeat,
                before=before,
                after=after,
            )


def _halves(repeat: Repeat) -> tuple[Ints, Ints] | None:
    """Return the TTFT of the included streams, those due earlier and those due later; ``None`` for too few."""
    ttft = np.concatenate([m.ttft for m in repeat.parts])
    due = np.concatenate([m.streams.due - m.recording.start for m in repeat.parts])
    rows = np.flatnonzero(np.concatenate([m.included for m in repeat.parts]) & (ttft >= 0))
    if len(rows) < MIN_STREAMS:
        return None
    ordered = ttft[rows[np.argsort(due[rows], kind="stable")]]
    return ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]


def _across(summaries: Sequence[Summary]) -> Iterable[DriftFinding]:
    for metric in ACROSS_METRICS:
        series = [found for s in summaries if len(found := rounds.logs(s, metric)) >= MIN_ROUNDS]
        shared = sorted(set.intersection(*(set(found) for found in series))) if series else []
        if len(shared) < MIN_ROUNDS:
            continue
        centred = [statistics.fmean(found[r] for r in shared) for found in series]
        means = [
            statistics.fmean(found[r] - centre for found, centre in zip(series, centred, strict=True))
            for r in shared
        ]
        (slope, error), span = effects.line(shared, means), shared[-1] - shared[0]
        half = error * effects.quantile(1 - SIGNIFICANCE / 2, len(shared) - 2)
        change, low, high = (math.expm1((slope + side * half) * span) for side in (0, -1, 1))
        if low * high > 0 and abs(change) > ACROSS:
            yield DriftFinding(metric=metric, change=Estimate(change, low, high, len(shared)))
