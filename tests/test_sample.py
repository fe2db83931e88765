"""The sample run that is kept for the documentation is one that this version makes and reads."""

from __future__ import annotations

from pathlib import Path

import loadgen
from loadgen import analysis
from loadgen.report.renderers import csv, json
from loadgen.report.view import View

SAMPLE = Path(__file__).resolve().parents[1] / "reports" / "sample"


def test_its_tables_follow_from_its_arrivals() -> None:
    run = loadgen.Run.load(SAMPLE)
    summaries = analysis.summarise(run)
    for name, made in (
        ("summary.csv", csv.summary_csv(summaries)),
        ("streams.csv", csv.streams_csv(run)),
        ("samples.csv", csv.samples_csv(run)),
        ("summary.json", csv.summary_json(run, summaries, run.findings)),
        ("findings.json", csv.findings_json(run, run.findings)),
    ):
        assert (SAMPLE / name).read_text(encoding="utf-8") == made, name
