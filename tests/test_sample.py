"""The sample run that is kept for the documentation is one that this version makes and reads."""

from __future__ import annotations

from pathlib import Path

import loadgen
from loadgen import analysis
from loadgen.report.renderers import FILES, render
from loadgen.report.view import View

SAMPLE = Path(__file__).resolve().parents[1] / "reports" / "sample"


def test_its_tables_follow_from_its_arrivals() -> None:
    run = loadgen.Run.load(SAMPLE)
    view = View(run, analysis.summarise(run), run.findings)
    for name in FILES:
        if name != "report.html":
            assert (SAMPLE / name).read_text(encoding="utf-8") == render(name, view), name
