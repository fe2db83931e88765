"""Whether the scenario's thresholds hold."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from loadgen.model import Run, Summary, TextFinding, Threshold, Validity

OPERATORS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)


def findings(run: Run, summaries: Iterable[Summary]) -> list[TextFinding]:
    """One per threshold of the scenario, ``held`` or ``failed``; the evidence has a sentence per cell.

    It speaks of every client and concurrency that it does not narrow down. A figure that was not measured,
    or belongs to an invalid measurement, does not hold; neither does a threshold that matches nothing.
    """
    summaries = list(summaries)
    return [_judge(threshold, summaries) for threshold in run.info.scenario.thresholds]


def _judge(threshold: Threshold, summaries: Iterable[Summary]) -> TextFinding:
    matching = [
        summary
        for summary in summaries
        if not summary.client.control
        and threshold.client in (None, summary.client.label, summary.client.name)
        and threshold.level in (None, summary.level)
    ]
    judged = [_hold(threshold, summary) for summary in matching]
    return TextFinding(
        kind="threshold",
        id=threshold.text,
        verdict="held" if judged and all(held for held, _ in judged) else "failed",
        statement=threshold.text,
        evidence=tuple(text for _, text in judged) or ("nothing that was measured matches it",),
    )


def _hold(threshold: Threshold, summary: Summary) -> tuple[bool, str]:
    name = f"{summary.client}@{summary.level.value:g}"
    value = _figure(threshold.metric, summary)
    if value is None:
        return False, f"{name}: {threshold.metric} was not measured, so it is not held"
    unit = "%" if threshold.metric == "errors" else ""
    told = f"{name}: {threshold.metric} is {value:.6g}{unit}"
    if summary.validity is Validity.INVALID:
        return False, f"{told}, but the measurement is invalid, so it is not held"
    held = OPERATORS[threshold.op](value, threshold.value)
    return held, f"{told}, {'held' if held else 'not held'}"


def _figure(metric: str, summary: Summary) -> float | None:
    if metric == "errors":
        errors, streams = summary.value("errors"), summary.value("streams")
        return 100 * errors / streams if errors is not None and streams else None
    return summary.value(metric)
