"""Drift in English."""

from __future__ import annotations

from loadgen.analysis.metrics import column
from loadgen.model import DriftFinding
from loadgen.report.columns import label, unit_of, where
from loadgen.report.language import _
from loadgen.report.sentences import Sentences
from loadgen.report.text import number, percent, percents


def sentences(finding: DriftFinding) -> Sentences:
    """Return what changed, from when to when, and what it means."""
    metric, change = column(finding.metric), finding.change.value or 0.0
    if finding.repeat is not None and finding.level is not None:
        rose = _(
            "{where}, repeat {repeat}: {metric} rose from {before} to {after} {unit} between the first and the second "
            "half of its streams; it reached no steady state"
        )
        fell = _(
            "{where}, repeat {repeat}: {metric} fell from {before} to {after} {unit} between the first and the second "
            "half of its streams; it reached no steady state"
        )
        statement = (rose if change > 0 else fell).format(
            where=where(finding.client, finding.level),
            repeat=finding.repeat + 1,
            metric=label(metric),
            before=number(finding.before),
            after=number(finding.after),
            unit=unit_of(metric.metric),
        )
        return Sentences(statement)
    rose = _(
        "{metric} rose by {share} from the first round to the last, over all clients; the machine or the server "
        "changed during the run"
    )
    fell = _(
        "{metric} fell by {share} from the first round to the last, over all clients; the machine or the server "
        "changed during the run"
    )
    detail = _("change in %: {change} ({interval})").format(
        change=number(100 * change), interval=percents(finding.change.low, finding.change.high)
    )
    statement = (rose if change > 0 else fell).format(metric=label(metric), share=percent(abs(change)))
    return Sentences(statement, (detail,))
