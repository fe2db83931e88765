"""CSV and JSON, the same bytes from the same run.

Empty means not measured. Lines end in LF, floats have six decimals (of a millisecond: one nanosecond).
Text that a server or a file may have written is made :func:`~loadgen.report.text.plain`, and where a
spreadsheet would take it for a formula it gets an apostrophe in front, the way spreadsheets mark text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from loadgen.report import frames
from loadgen.report.text import plain

if TYPE_CHECKING:
    import pandas as pd

    from loadgen.model import Finding, Run, Summary

_FORMULA = tuple("=+-@＝＋－＠")


def summary_csv(summaries: Sequence[Summary]) -> str:
    """``summary.csv``: a row per client and concurrency."""
    return _csv(frames.summary_frame(summaries))


def streams_csv(run: Run) -> str:
    """``streams.csv``: a row per stream, in the order of the cells."""
    return _csv(frames.streams_frame(run))


def samples_csv(run: Run) -> str:
    """``samples.csv``: what every engine used over time."""
    return _csv(frames.samples_frame(run))


def summary_json(run: Run, summaries: Sequence[Summary], findings: Sequence[Finding]) -> str:
    """``summary.json``: the summaries and findings whole, keys sorted, ``null`` where not measured."""
    return _json(run, summaries=[_summary(s) for s in summaries], findings=[asdict(f) for f in findings])


def findings_json(run: Run, findings: Sequence[Finding]) -> str:
    """``findings.json``: the claims board and every other finding, with their effects and intervals."""
    return _json(run, findings=[asdict(finding) for finding in findings])


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        "client": summary.client.label,
        "mode": summary.mode,
        "concurrency": summary.level.streams,
        "rate": summary.level.rate,
        "repeats": summary.repeats,
        "validity": summary.validity.value,
        "reasons": summary.reasons,
        "outcomes": summary.outcomes,
        "metrics": {metric: asdict(estimate) for metric, estimate in summary.items()},
        "rounds": summary.rounds,
    }


def _json(run: Run, **parts: list[dict[str, Any]]) -> str:
    told = {"name": run.info.scenario.name, "started": run.info.started}
    return json.dumps(told | parts, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"


def _csv(frame: pd.DataFrame) -> str:
    safe = frame.copy()
    for name, column in frame.items():
        if column.dtype.kind not in "biuf":
            safe[name] = column.map({value: _text(value) for value in column.dropna().unique()})
    text: str = safe.to_csv(index=False, lineterminator="\n", float_format="%.6f", na_rep="")
    return text


def _text(value: Any) -> str:
    shown = plain(value)
    return "'" + shown if shown.startswith(_FORMULA) else shown
