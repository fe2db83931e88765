"""What each further stream and token costs a client, apart from the fixed part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from loadgen.model import TextFinding
from loadgen.report.page import FINDING
from loadgen.report.screen import width_of
from loadgen.report.sections.section import Section
from loadgen.report.text import figure, interval, plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from loadgen.model import Effect
    from loadgen.report.page import Page
    from loadgen.report.screen import Screen
    from loadgen.report.view import View

COSTS = (  # title, its effect, the units of each and of the fixed part
    ("Memory", "memory", "KiB per stream", "fixed, MiB"),
    ("Threads", "threads", "per stream", "fixed"),
    ("CPU", "CPU", "µs per token", "fixed, ms/s"),
    ("Context switches", "context switches", "per token", "fixed, per s"),
)


class Costs(Section):
    id = "costs"
    title = "Cost of a further stream"
    short = "Costs"

    def applies(self, view: View) -> bool:
        return bool(_of(view))

    def html(self, view: View, page: Page) -> str:
        return page.section(self.id, kinds=COSTS, rows=_rows(view))

    def terminal(self, view: View, screen: Screen) -> Iterable[RenderableType]:
        for intervals in (True, False):
            rows = [["", "KiB", "threads", "µs CPU/token", "switches/token"]]
            for finding in _of(view):
                by_name = {effect.name: effect for effect in finding.effects}
                cells = [_cost(by_name.get(name), intervals=intervals) for _, name, *_ in COSTS]
                rows.append([plain(finding.id, 40), *cells])
            if width_of(rows) <= screen.width:
                break
        yield screen.rows(rows)


def _of(view: View) -> list[TextFinding]:
    return [finding for finding in view.of(TextFinding) if finding.kind == "cost"]


def _cost(effect: Effect | None, *, intervals: bool) -> str:
    between = interval(effect.low, effect.high) if effect and intervals else ""
    return figure(effect.value if effect else None) + (f" ({between})" if between else "")


def _rows(view: View) -> list[dict[str, Any]]:
    """Return a row for each client: two cells for each kind of cost, and the sentence that says it."""
    styles = {client.label: style for client, style in view.styles.items()}
    rows = []
    for finding in _of(view):
        by_name = {effect.name: effect for effect in finding.effects}
        rows.append(
            {
                "client": plain(finding.id, 40),
                "style": styles.get(finding.id),
                "cells": [
                    cell(by_name.get(name)) for _, each, *_ in COSTS for name in (each, f"{each}, fixed")
                ],
                "sentence": plain(finding.statement, FINDING),
            }
        )
    return rows


def cell(effect: Effect | None) -> dict[str, str]:
    """Return an effect's value, and its interval."""
    if effect is None or effect.value is None:
        return {"text": figure(None), "between": ""}
    return {"text": figure(effect.value), "between": interval(effect.low, effect.high)}
