"""Figures that moved while they were taken: within a cell, and from block to block.

The halves of a cell are compared by Mann and Whitney's rank test (1947, "On a test of whether one of two random
variables is stochastically larger than the other"), normal approximation; the level is shared by all the cells
of the run. Blocks give one mean each, of all cells' deviations from their own mean over the blocks, and a
straight line through those.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from loadgen.analysis import effects, rounds
from loadgen.analysis.measures import Ints
from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.model import Effect, Run, Summary, TextFinding

SIGNIFICANCE = 0.01  # how often a run without any trend is flagged
LEAST = 20  # streams that a cell must have to be cut in two
WITHIN = 0.10  # a change within a cell that matters, as a share
ACROSS = 0.05  # and one from the first block to the last
MOVING = (
    ("ttft_p50_ms", "TTFT p50"),
    ("lag_p50_ms", "lag p50"),
    ("cpu_us_per_token", "CPU per token"),
)


def findings(run: Run, summaries: Sequence[Summary]) -> list[TextFinding]:
    """What moved; nothing where nothing did. A run with stages is meant to move within its cells."""
    ramps = bool(run.info.scenario.workload.load.stages)
    within = [] if ramps else list(_within(repeats_of(run.recordings)))
    return [*within, *_across(rounds.valid(summaries))]


def _within(repeats: Sequence[Repeat]) -> Iterable[TextFinding]:
    halves = [(repeat, found) for repeat in repeats if (found := _halves(repeat)) is not None]
    if not halves:
        return
    from scipy.stats import mannwhitneyu

    for repeat, (first, second) in halves:
        before, after = float(np.median(first)) / 1e6, float(np.median(second)) / 1e6
        p = mannwhitneyu(first, second, use_continuity=False, method="asymptotic").pvalue
        if p * len(halves) >= SIGNIFICANCE or abs(after - before) <= WITHIN * before:
            continue
        r = repeat.recording
        yield TextFinding(
            kind="trend",
            id=f"{r.client}@{r.level.value:g}/{r.repeat + 1}",
            verdict="moved",
            statement=f"{r.client} at {r.level.value:,g}, repeat {r.repeat + 1}: TTFT p50 went from {before:,.1f} to "
            f"{after:,.1f} ms from the first half of its streams to the second: no steady state",
            evidence=(),
            effects=(
                Effect(name="TTFT p50, first half", unit="ms", value=before, client=r.client.label),
                Effect(name="TTFT p50, second half", unit="ms", value=after, client=r.client.label),
            ),
        )


def _halves(repeat: Repeat) -> tuple[Ints, Ints] | None:
    """TTFT of the streams that count, those due earlier and those due later."""
    chosen = [m.included & (m.ttft >= 0) for m in repeat.parts]
    ttft = np.concatenate([m.ttft[c] for m, c in zip(repeat.parts, chosen, strict=True)])
    due = np.concatenate(
        [m.column("due")[c] - m.recording.start for m, c in zip(repeat.parts, chosen, strict=True)]
    )
    if len(ttft) < LEAST:
        return None
    ordered = ttft[np.argsort(due, kind="stable")]
    return ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]


def _across(summaries: Sequence[Summary]) -> Iterable[TextFinding]:
    from scipy.stats import linregress

    for name, title in MOVING:
        series = [found for s in summaries if len(found := rounds.logs(s, rounds.column(name))) >= 3]
        shared = sorted(set.intersection(*(set(found) for found in series))) if series else []
        if len(shared) < 3:
            continue
        deviations = [
            [found[r] - math.fsum(found[q] for q in shared) / len(shared) for r in shared] for found in series
        ]
        means = [math.fsum(of) / len(of) for of in zip(*deviations, strict=True)]
        line = linregress(shared, means)
        each, half = (
            float(line.slope),
            float(line.stderr) * effects.quantile(1 - SIGNIFICANCE / 2, len(shared) - 2),
        )
        run = shared[-1] - shared[0]
        change = math.expm1(each * run)
        if abs(each) > half and abs(change) > ACROSS:
            low, high = (100 * math.expm1((each + side * half) * run) for side in (-1, 1))
            yield TextFinding(
                kind="trend",
                id=f"blocks/{name}",
                verdict="moved",
                statement=f"{title} went {'up' if change > 0 else 'down'} by {abs(change):.0%} from the first block to "
                "the last, over all clients: the machine or the server was not the same throughout",
                evidence=(),
                effects=(
                    Effect(
                        name=f"{title}, last block against the first",
                        unit="%",
                        value=100 * change,
                        low=low,
                        high=high,
                    ),
                ),
            )
