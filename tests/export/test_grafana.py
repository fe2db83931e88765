"""The dashboard asks for nothing that is not exported."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from loadgen.export.figures import FIGURES

DASHBOARD = json.loads((Path(__file__).parents[2] / "docs" / "grafana.json").read_text(encoding="utf-8"))
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
NAMES = {figure.name + suffix for figure in FIGURES for suffix in SUFFIXES[figure.kind]}


def queries(of: Any) -> list[str]:
    if isinstance(of, dict):
        own = [value for key, value in of.items() if key in ("expr", "definition") and isinstance(value, str)]
        return own + [query for value in of.values() for query in queries(value)]
    return [query for value in of for query in queries(value)] if isinstance(of, list) else []


def test_every_metric_that_it_asks_for_is_exported() -> None:
    asked = {name for query in queries(DASHBOARD) for name in re.findall(r"\bloadgen_\w+", query)}
    assert len(asked) > 8
    assert asked <= NAMES


def test_every_histogram_and_every_counter_of_streams_is_drawn() -> None:
    text = " ".join(queries(DASHBOARD))
    assert not [f.name for f in FIGURES if f.kind == "histogram" and f.name not in text]
    assert not [f.name for f in FIGURES if f.name.startswith("loadgen_streams_") and f.name not in text]


def test_its_panels_are_distinct_and_fit_the_grid() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
