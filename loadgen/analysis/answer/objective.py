"""Say up to which level each threshold holds."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis import effects, rounds
from loadgen.analysis.answer.evidence import Evidence
from loadgen.analysis.thresholds import OPERATORS
from loadgen.model import Objective, Summary, Threshold


def objective(evidence: Evidence) -> Iterator[Objective]:
    """Yield each threshold of several levels that fails with some client; all of them where there is one client."""
    if len(evidence.levels) < 2:
        return
    for threshold in evidence.run.info.scenario.thresholds:
        if threshold.level is None and threshold.metric != "errors":
            found = list(_of_clients(threshold, evidence))
            if len(evidence.clients) == 1 or any(one.fails for one in found):
                yield from found


def _of_clients(threshold: Threshold, evidence: Evidence) -> Iterator[Objective]:
    for client, sweep in evidence.sweeps.items():
        if threshold.client not in (None, client.label, client.name):
            continue
        sides = [_side(threshold, summary) for summary in sweep]
        held = next((n for n, side in enumerate(sides) if side is not True), len(sides))
        if held or False in sides:
            yield Objective(
                metric=threshold.metric,
                op=threshold.op,
                value=threshold.value,
                client=client,
                holds=sweep[held - 1].level if held else None,
                fails=sweep[sides.index(False)].level if False in sides else None,
                all_levels=held == len(sides),
            )


def _side(threshold: Threshold, summary: Summary) -> bool | None:
    """Return whether it holds or fails with the whole interval over the rounds; ``None``: it spans the line."""
    found = effects.mean(rounds.values(summary, threshold.metric).values())
    if found is None or found.low is None or found.high is None:
        return None
    within = {OPERATORS[threshold.op](bound, threshold.value) for bound in (found.low, found.high)}
    return within.pop() if len(within) == 1 else None
