"""Whether the scenario's thresholds hold."""

from __future__ import annotations

import operator
from collections.abc import Iterable

from loadgen.analysis.metrics import column
from loadgen.model import Run, Summary, Threshold, ThresholdFinding, ThresholdResult, Validity

OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def findings(run: Run, summaries: Iterable[Summary]) -> list[ThresholdFinding]:
    """Return one finding per threshold of the scenario, with a result for each client and level that it matches.

    A metric that was not measured, or belongs to an invalid measurement, does not hold; neither does a threshold
    that matches nothing. A/A controls are left out.
    """
    clients = [summary for summary in summaries if not summary.client.control]
    return [_finding(threshold, clients) for threshold in run.info.scenario.thresholds]


def _finding(threshold: Threshold, summaries: Iterable[Summary]) -> ThresholdFinding:
    results = tuple(
        _result(threshold, summary)
        for summary in summaries
        if threshold.client in (None, summary.client.label, summary.client.name)
        and threshold.level in (None, summary.level)
    )
    return ThresholdFinding(
        verdict="held" if results and all(result.held for result in results) else "failed",
        text=threshold.text,
        metric=threshold.metric,
        unit="%" if threshold.metric == "errors" else column(threshold.metric).unit,
        op=threshold.op,
        value=threshold.value,
        results=results,
    )


def _result(threshold: Threshold, summary: Summary) -> ThresholdResult:
    value = summary.value(threshold.metric)
    if threshold.metric == "errors":
        share = summary.value("errors_share")
        value = None if share is None else 100 * share
    valid = summary.validity is not Validity.INVALID
    return ThresholdResult(
        client=summary.client,
        level=summary.level,
        value=value,
        held=valid and value is not None and OPERATORS[threshold.op](value, threshold.value),
        reason="not_measured" if value is None else None if valid else "invalid",
    )
