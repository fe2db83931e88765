"""Whether a threshold held, in English."""

from __future__ import annotations

from loadgen.model import ThresholdFinding, ThresholdResult
from loadgen.report.sentences import Sentences

_FEW = 3  # held results that are listed beside failed ones


def sentences(finding: ThresholdFinding) -> Sentences:
    """Return the threshold as its author wrote it, and a line for each client and level that it was tested on.

    Of results that held, a few are listed, many are counted.
    """
    failed = [result for result in finding.results if not result.held]
    held = [result for result in finding.results if result.held]
    lines = [_line(finding, result) for result in (*failed, *(held if len(held) <= _FEW else ()))]
    if len(held) > _FEW:
        lines.append(f"held in {len(held):,} of {len(finding.results):,} measurements")
    return Sentences(finding.text, tuple(lines) or ("no measurement matches it",))


def _line(finding: ThresholdFinding, result: ThresholdResult) -> str:
    where = f"{result.client} at {result.level}: {finding.metric}"
    if result.value is None:
        return f"{where} was not measured"
    value = f"{where} is {result.value:.6g}{f' {finding.unit}' if finding.unit else ''}"
    if result.reason == "invalid":
        return f"{value}, but the measurement is invalid"
    return f"{value}: {'held' if result.held else 'failed'}"
