"""Say up to which level each threshold holds."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis import effects, rounds
from loadgen.analysis.answer.evidence import Evidence
from loadgen.analysis.thresholds import OPERATORS
from loadgen.model import Objective, Summary, Threshold


def objective(evidence: Evidence) -> Iterator[Objective]:
    """Yield each threshold that holds at some levels of a client and fails at others, or at none."""
    if len(evidence.levels) < 2:
        return
    for threshold in evidence.run.info.scenario.thresholds:
        if threshold.level is not None or threshold.metric == "errors":
            continue
        for client, sweep in evidence.sweeps.items():
            if threshold.client not in (None, client.label, client.name):
                continue
            sides = [_side(threshold, summary) for summary in sweep]
            first_failing = next((n for n, side in enumerate(sides) if side is False), None)
            if first_failing is None:
                continue
            held = next((n for n, side in enumerate(sides) if side is not True), len(sides))
            yield Objective(
                text=threshold.text,
                client=client,
                holds=sweep[held - 1].level if held else None,
                fails=sweep[first_failing].level,
            )


def _side(threshold: Threshold, summary: Summary) -> bool | None:
    """Return whether it holds or fails with the whole interval over the rounds; ``None``: it spans the line."""
    found = effects.mean(rounds.values(summary, threshold.metric).values())
    if found is None or found.low is None or found.high is None:
        return None
    within = {OPERATORS[threshold.op](bound, threshold.value) for bound in (found.low, found.high)}
    return within.pop() if len(within) == 1 else None
