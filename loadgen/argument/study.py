"""Test the claims of a scenario's study on its measurements.

A claim names a client, a metric, and a value or another client. Of two clients the measure is the ratio, round by
round; of total times where answers differ in length, that of the time per token. Its mean over the rounds, with the
interval of Student's t, decides as in :mod:`loadgen.argument.claims`: the claim is supported when all of it lies
on the claim's side of the line, contradicted when it lies on the other, and undecided when it spans the line, after one
round, or when two clients differ by less than the noise and no difference would decide otherwise.

A measurement counts if it is valid, or if all that speaks against it may be the client's own doing: a client that does
not open its streams is what a study may be about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from loadgen.analysis import rounds
from loadgen.analysis.lengths import comparable
from loadgen.analysis.metrics import column
from loadgen.analysis.noise import NoiseThresholds
from loadgen.argument.claims import OWN_REASONS, Draws, effect_of
from loadgen.model import Excluded, Result, Run, Statement, StudyClaim, StudyFinding, Summary, Validity

_VERDICTS: dict[Result, Literal["supported", "contradicted", "undecided"]] = {
    "supports": "supported",
    "contradicts": "contradicted",
    "undecided": "undecided",
}


def findings(run: Run, summaries: Sequence[Summary]) -> list[StudyFinding]:
    """Return a finding for each claim of the scenario, in its order."""
    noise = NoiseThresholds(summaries)
    measured = [summary for summary in summaries if not summary.client.control]
    return [_finding(claim, measured, noise) for claim in run.info.scenario.study]


def _finding(claim: StudyClaim, summaries: Sequence[Summary], noise: NoiseThresholds) -> StudyFinding:
    sides = [
        [summary for summary in summaries if summary.client.label == name]
        for name in (claim.client, claim.baseline)
        if name is not None
    ]
    excluded = tuple(
        Excluded(client=s.client, level=s.level, validity=s.validity)
        for side in sides
        for s in side
        if claim.level in (None, s.level) and not counts(s)
    )
    unit = column(claim.metric).unit if claim.baseline is None else "times"
    levels = [{s.level for s in side if counts(s) and claim.level in (None, s.level)} for side in sides]
    shared = set.intersection(*levels)
    if not shared:
        return StudyFinding(claim=claim, verdict="undecided", unit=unit, excluded=excluded)
    level = max(shared)
    [first, *others] = [next(s for s in side if s.level == level) for side in sides]
    if others:
        [other] = others
        metric = comparable(claim.metric, first, other)
        values = rounds.contrast([first], [other], metric)
        draws = Draws(first.client, other.client, level, metric, values, noise.threshold(level, metric))
    else:
        values = list(rounds.values(first, claim.metric).values())
        draws = Draws(first.client, None, level, claim.metric, values)
    if not draws.values:
        return StudyFinding(claim=claim, verdict="undecided", unit=unit, excluded=excluded)
    pair: Literal["pair", "sync"] = "pair" if others else "sync"
    effect = effect_of(Statement("", pair, draws.measure, claim.direction, claim.line, unit), draws)
    return StudyFinding(
        claim=claim, verdict=_VERDICTS[effect.result], unit=unit, effect=effect, excluded=excluded
    )


def counts(summary: Summary) -> bool:
    """Return whether a measurement counts: it is valid, or not valid only by what may be the client's own doing."""
    against = [r for one in summary.reasons for r in getattr(one, "reasons", (one,))]
    return summary.validity is Validity.VALID or all(isinstance(one, OWN_REASONS) for one in against)
