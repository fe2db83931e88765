"""Objectives in a real run: what summary.csv counts is what streams.csv says of each stream."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from loadgen import Run
from tests.cli.command import invoke

SCENARIO = """\
name: good
target: {simulator: {ttft: 60ms, gap: 5ms, tokens: 10, jitter: 0.6, faults: {reset: 20%}}}
prompts: [hello]
clients: [floor]
rate: 60
load: {duration: 2s, warmup: 500ms}
remeasure: 0
slo: {ttft_ms: 70, total_ms: 200ms}
thresholds: ["good_percent > 100"]
"""


def test_a_run_is_judged_stream_by_stream(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    assert invoke("run", tmp_path / "s.yaml", "--out", tmp_path / "run", "--quiet").returncode == 1
    (row,) = pd.read_csv(tmp_path / "run/summary.csv").to_dict("records")
    streams = pd.read_csv(tmp_path / "run/streams.csv").query("not warmup")
    late = streams.start_ms - streams.due_ms  # an open load is judged from the schedule
    held = (streams.ttft_ms + late <= 70) & (streams.total_ms + late <= 200)
    ok = streams.outcome == "ok"
    assert (streams.good == (ok & held)).all()
    assert 0 < row["good"] == streams.good.sum() < ok.sum() < len(streams) == row["good_percent_n"]
    assert row["good_percent"] == pytest.approx(100 * row["good"] / len(streams))
    assert row["goodput_per_s"] == pytest.approx(row["good"] / 1.5, rel=0.02)
    assert row["missed_ttft"] == (ok & (streams.ttft_ms + late > 70)).sum()
    kinds = {finding.kind for finding in Run.load(tmp_path / "run").findings}
    assert {"good", "threshold"} <= kinds
