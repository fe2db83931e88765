"""Say up to which level each threshold holds."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis import effects, intervals, rounds
from loadgen.analysis.answer.evidence import Evidence
from loadgen.analysis.metrics import PerStream, column
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
        sides = [(summary.level, _side(threshold, summary, evidence)) for summary in sweep]
        fails = min((level for level, side in sides if side is False), default=None)
        holds = [level for level, side in sides if side and (fails is None or level < fails)]
        if holds or fails:
            yield Objective(
                metric=threshold.metric,
                op=threshold.op,
                value=threshold.value,
                client=client,
                holds=max(holds, default=None),
                fails=fails,
                all_levels=max(holds, default=None) == sweep[-1].level,
            )


def _side(threshold: Threshold, summary: Summary, evidence: Evidence) -> bool | None:
    """Return whether it holds or fails with the whole interval; ``None``: it spans the line, or there is none.

    The interval is that over the rounds, or of a share of streams; where the rounds are too short for the percentile,
    that of the share of streams beyond the line.
    """
    is_share = summary[threshold.metric].n and column(threshold.metric).metric.kind == "share"
    over_rounds = effects.mean(rounds.values(summary, threshold.metric).values())
    found = summary[threshold.metric] if is_share else over_rounds
    if found and found.low is not None and found.high is not None:
        within = {OPERATORS[threshold.op](bound, threshold.value) for bound in (found.low, found.high)}
        return within.pop() if len(within) == 1 else None
    return _by_share(threshold, summary, evidence)


def _by_share(threshold: Threshold, summary: Summary, evidence: Evidence) -> bool | None:
    """Return whether fewer streams are beyond the line than the percentile allows."""
    of = column(threshold.metric)
    if of.rank is None or not isinstance(of.metric.formula, PerStream):
        return None
    parts = [part for repeat in evidence.repeats_of(summary) for part in repeat.parts]
    beyond = [of.metric.formula.times(part).values > threshold.value * 1e6 for part in parts]
    found = intervals.of_share(sum(int(each.sum()) for each in beyond), sum(map(len, beyond)))
    allowed, under = 1 - of.rank / 100, threshold.op.startswith("<")
    if found is None or found[0] <= allowed <= found[1]:
        return None
    return under if found[1] < allowed else not under
