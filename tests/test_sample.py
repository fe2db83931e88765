"""The sample run that is kept for the documentation is one that this version makes and reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import loadgen
from loadgen import analysis
from loadgen.report.renderers import FILES, render
from loadgen.report.view import View

SAMPLE = Path(__file__).resolve().parents[1] / "reports" / "sample"


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield what is in the document, each with the keys that lead to it."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


def test_its_tables_follow_from_its_arrivals() -> None:
    run = loadgen.Run.load(SAMPLE)
    view = View(run, analysis.summarise(run), run.findings)
    for name in FILES:
        kept = (SAMPLE / name).read_text(encoding="utf-8")
        if name.endswith(".json"):  # the last digits of floats depend on the processor
            made = dict(leaves(json.loads(render(name, view))))
            assert made == {
                path: pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
                for path, value in leaves(json.loads(kept))
            }, name
        elif name != "report.html":
            assert kept == render(name, view), name
