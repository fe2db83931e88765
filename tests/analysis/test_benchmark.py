from __future__ import annotations

import runpy
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "analysis.py"


def test_the_benchmark_runs_and_counts_every_token():
    figures = runpy.run_path(str(SCRIPT))["measure"](24_000)
    assert figures["tokens"] > 0
    assert figures["tokens"] % 60 == 0
    assert figures["peak_rss_mib"] < 1500
