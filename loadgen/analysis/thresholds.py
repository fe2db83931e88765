"""Whether the scenario's thresholds hold."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from loadgen.analysis.blocks import is_twin
from loadgen.model import Finding, Run, Summary, Validity

OPERATORS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)


def findings(run: Run, summaries: Iterable[Summary]) -> list[Finding]:
    """One per threshold of the scenario, ``held`` or ``failed``; the evidence has a sentence per cell.

    It speaks of every client and concurrency that it does not narrow down. A figure that was not measured,
    or belongs to an invalid measurement, does not hold; neither does a threshold that matches nothing.
    """
    summaries = list(summaries)
    return [_judge(threshold, summaries) for threshold in run.about.get("scenario", {}).get("thresholds", [])]


def _judge(threshold: Mapping[str, Any], summaries: Iterable[Summary]) -> Finding:
    client, concurrency = threshold.get("client"), threshold.get("concurrency")
    matching = [
        summary
        for summary in summaries
        if not is_twin(summary.client)
        and client in (None, summary.client, summary.client.split(" ")[0])
        and concurrency in (None, summary.concurrency)
    ]
    judged = [_hold(threshold, summary) for summary in matching]
    return Finding(
        kind="threshold",
        id=threshold["text"],
        verdict="held" if judged and all(held for held, _ in judged) else "failed",
        statement=threshold["text"],
        evidence=tuple(text for _, text in judged) or ("nothing that was measured matches it",),
    )


def _hold(threshold: Mapping[str, Any], summary: Summary) -> tuple[bool, str]:
    name = f"{summary.client}@{summary.concurrency}"
    value = _figure(threshold["metric"], summary)
    if value is None:
        return False, f"{name}: {threshold['metric']} was not measured, so it is not held"
    unit = "%" if threshold["metric"] == "errors" else ""
    told = f"{name}: {threshold['metric']} is {value:.6g}{unit}"
    if summary.validity is Validity.INVALID:
        return False, f"{told}, but the measurement is invalid, so it is not held"
    held = OPERATORS[threshold["op"]](value, threshold["value"])
    return held, f"{told}, {'held' if held else 'not held'}"


def _figure(metric: str, summary: Summary) -> float | None:
    if metric == "errors":
        return 100 * summary.errors / summary.streams if summary.streams else None
    value = getattr(summary, metric)
    return None if value is None else float(value)
