"""The table of the article "Exploring streaming HTTP responses …" (2025) beside this run's, and what each of its
differences is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from loadgen.argument.article import CLIENTS, COLUMNS
from loadgen.model import TextFinding
from loadgen.report.charts.forest import STATEMENT, axis_of, place, row, ticks
from loadgen.report.sections.costs import cell
from loadgen.report.sections.section import Section
from loadgen.report.text import figure, plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from loadgen.report.page import Page
    from loadgen.report.screen import Screen
    from loadgen.report.view import View

MOST_RUNS = 10_000


class Article(Section):
    id = "article"
    title = "The article, answered"
    short = "The article"

    def applies(self, view: View) -> bool:
        return _of(view) is not None

    def html(self, view: View, page: Page) -> str:
        finding = _of(view)
        assert finding is not None
        return page.section(self.id, article=_article(finding))

    def terminal(self, view: View, screen: Screen) -> Iterable[RenderableType]:
        finding = _of(view)
        assert finding is not None
        yield screen.text(finding.statement)
        rows = []
        for effect in finding.effects:
            if effect.line is not None:
                title, _, label = effect.name.partition(", ")
                here = f"×{figure(effect.line)}, here ×{figure(effect.value)}"
                label = label.replace(" as a multiple of ", " ÷ ")
                rows.append((effect.note.partition(":")[0], here, f"{label}: {title}"))
        yield screen.rows(rows)
        if not rows:
            yield screen.text("; ".join(finding.evidence), "dim")


def _of(view: View) -> TextFinding | None:
    return next((finding for finding in view.of(TextFinding) if finding.kind == "article"), None)


def _article(finding: TextFinding) -> dict[str, Any]:
    values = {
        (effect.note, effect.name, effect.client): effect
        for effect in finding.effects
        if effect.name in COLUMNS
    }
    return {
        "verdict": plain(finding.verdict),
        "statement": plain(finding.statement, STATEMENT),
        "evidence": [plain(line, STATEMENT) for line in finding.evidence],
        "figures": list(COLUMNS),
        "rows": [
            {
                "client": client,
                "cells": [
                    cell(values.get((whose, name, client)))
                    for name in COLUMNS
                    for whose in ("the article", "this run")
                ],
            }
            for client in CLIENTS
        ],
        "differences": [_differences(finding, name) for name in COLUMNS],
        "sources": [
            (plain(effect.name), figure(effect.value))
            for effect in finding.effects
            if effect.unit == "times" and effect.line is None
        ],
    }


def _differences(finding: TextFinding, name: str) -> dict[str, Any]:
    """Return those of one figure, drawn on one axis: 1, ours, and the article's."""
    found = [e for e in finding.effects if e.line is not None and e.name.startswith(f"{name}, ")]
    runs = {
        (e.client, "article" in e.name): e.value
        for e in finding.effects
        if e.unit == "runs" and e.name.startswith(f"{name}, ")
    }
    if not found:
        return {"name": name, "rows": []}
    axis = axis_of(found, [1.0, *(e.line for e in found if e.line is not None)], log=True)
    rows = []
    for effect in found:
        kind, _, why = effect.note.partition(": ")
        label = effect.name.removeprefix(f"{name}, ")
        rows.append(
            {
                "ours": row(label, effect, axis),
                "article": figure(effect.line),
                "at": place(axis, effect.line or 1.0),
                "kind": plain(kind, 40),
                "why": plain(why, STATEMENT),
                "runs": _runs(runs.get((effect.client, True))),
                "runs_ours": _runs(runs.get((effect.client, False))),
            }
        )
    return {"name": name, "rows": rows, "one": place(axis, 1.0), "ticks": ticks(axis)}


def _runs(number: float | None) -> str:
    if number is None:
        return "–"
    return f"{number:,.0f}" if number <= MOST_RUNS else f"over {MOST_RUNS:,}"
