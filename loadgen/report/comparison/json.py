"""A comparison as one JSON object, for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from loadgen.analysis import compare
from loadgen.analysis.changes import SIGNIFICANCE
from loadgen.report.comparison.sentences import reason
from loadgen.report.sentences import sentences

if TYPE_CHECKING:
    from loadgen.analysis.changes import Change
    from loadgen.analysis.compare import CellKey
    from loadgen.model import ClientId, Level
    from loadgen.report.comparison.view import ComparisonView


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
        "more_repeats": comparison.more_repeats,
        "paired": comparison.paired,
        "comparisons": comparison.comparisons,
        "significance": SIGNIFICANCE,
        "tolerance": comparison.tolerance,
        "differences": [
            {"key": d.key, "base": d.base, "head": d.head, "blocking": d.blocking} for d in view.differences
        ],
        "changes": [_change(c) for c in comparison.changes],
        "delays": [
            {
                **_cell(f.client, f.level),
                "verdict": f.verdict,
                "late": f.late,
                "tokens": f.tokens,
                "budget_ms": f.budget_ms,
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


def _change(change: Change) -> dict[str, Any]:
    return {
        **_cell(change.client, change.level),
        "metric": change.column.name,
        "unit": change.column.unit,
        "base": change.base,
        "head": change.head,
        "verdict": change.verdict,
        "suspect": change.suspect,
        "relative": change.relative,
        "change": change.change,
        "low": change.low,
        "high": change.high,
        "detectable": change.detectable,
        "more_repeats": change.more_repeats,
    }


def _cells(keys: Iterable[CellKey]) -> list[dict[str, Any]]:
    return [_cell(client, level) for client, level in keys]


def _cell(client: ClientId, level: Level) -> dict[str, Any]:
    at = {"concurrency": level.streams} if level.rate is None else {"rate": level.rate}
    return {"client": client.label, **at}
