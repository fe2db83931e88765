"""Findings about the scenario's thresholds."""

from dataclasses import dataclass
from typing import Literal

from loadgen.model.clients import ClientId
from loadgen.model.findings import Finding
from loadgen.model.level import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdResult:
    """A threshold on one client at one level.

    ``value``: of ``errors`` the percentage of streams; ``None``: not measured. ``reason`` is why it cannot hold
    for any value; ``None`` if the value decides.
    """

    client: ClientId
    level: Level
    value: float | None
    held: bool
    reason: Literal["not_measured", "invalid"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdFinding(Finding):
    """One threshold with its ``results``; it fails where one of them does, and where nothing measured matches it."""

    kind: Literal["threshold"] = "threshold"
    verdict: Literal["held", "failed"]
    text: str
    metric: str  # a column of summary.csv
    unit: str
    op: Literal["<", "<=", ">", ">="]
    value: float
    results: tuple[ThresholdResult, ...]
