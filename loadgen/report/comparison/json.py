"""A comparison as one JSON object, for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from loadgen.analysis import compare
from loadgen.analysis.changes import SIGNIFICANCE
from loadgen.model import ClientId, Level
from loadgen.report.comparison.sentences import reason
from loadgen.report.comparison.view import ComparisonView
from loadgen.report.sentences import sentences

# of a change
FIGURES = (
    "base",
    "head",
    "verdict",
    "suspect",
    "relative",
    "change",
    "low",
    "high",
    "detectable",
    "more_repeats",
)


def render(view: ComparisonView) -> str:
    """Return everything as one object."""
    comparison = view.comparison
    made: dict[str, Any] = {
        "base": view.base,
        "head": view.head,
        "verdict": comparison.verdict,
        "exit": compare.exit_code(comparison),
        "reason": comparison.reason,
        "why": reason(comparison),
        **{name: getattr(comparison, name) for name in ("more_repeats", "paired", "comparisons")},
        "significance": SIGNIFICANCE,
        "tolerance": comparison.tolerance,
        "differences": [asdict(difference) for difference in view.differences],
        "changes": [
            {**_cell(c.client, c.level), "metric": c.column.name, "unit": c.column.unit}
            | {name: getattr(c, name) for name in FIGURES}
            for c in comparison.changes
        ],
        "delays": [
            {
                **_cell(f.client, f.level),
                **{name: getattr(f, name) for name in ("verdict", "late", "tokens", "budget_ms")},
                "causes": [asdict(delay) for delay in f.delays],
                "statement": sentences(f).statement,
            }
            for f in comparison.delays
            if f.client is not None and f.level is not None
        ],
        "worse_with_every_client": [column.name for column in comparison.worse_everywhere],
        "invalid": _cells(comparison.invalid),
        "lost": _cells(comparison.lost),
        "only_in_base": _cells(comparison.only_base),
        "only_in_head": _cells(comparison.only_head),
    }
    return json.dumps(made, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _cells(keys: Iterable[compare.CellKey]) -> list[dict[str, Any]]:
    return [_cell(client, level) for client, level in keys]


def _cell(client: ClientId, level: Level) -> dict[str, Any]:
    at = {"concurrency": level.streams} if level.rate is None else {"rate": level.rate}
    return {"client": client.label, **at}
