"""A comparison as one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from loadgen.report.client_style import client_styles
from loadgen.report.comparison import sentences
from loadgen.report.page import FINDING, TEXT, Page, at
from loadgen.report.text import plain

if TYPE_CHECKING:
    from loadgen.analysis.changes import Change
    from loadgen.analysis.compare import Outcome
    from loadgen.report.comparison.view import ComparisonView

_CLASSES: Mapping[Outcome, str] = {"worse": "invalid", "not worse": "valid", "cannot tell": "suspect"}


def render(view: ComparisonView) -> str:
    """Return the page: the verdict, what changed, every metric over the levels, every change, what differs."""
    from loadgen.report.comparison.charts import charts

    comparison = view.comparison
    compared = {client for c in comparison.changes for client in (c.base_client, c.client)}
    summaries = (*view.base_summaries, *view.head_summaries)
    styles = client_styles({s.client: s.mode for s in summaries if s.client in compared})
    page = Page(styles)
    return page.document(
        "comparison.html",
        base=plain(view.base, TEXT),
        head=plain(view.head, TEXT),
        verdict=sentences.verdict(comparison),
        kind=_CLASSES[comparison.verdict],
        method=sentences.method(comparison),
        notes=sentences.notes(view),
        delays=[plain(text, FINDING) for text in sentences.delays(view)],
        differences=[
            (plain(d.key, 80), plain(d.base, TEXT), plain(d.head, TEXT), d.blocking) for d in view.differences
        ],
        headings=sentences.HEADINGS,
        called=[_row(change) for change in view.called],
        metrics=[column.label for column in comparison.columns],
        levels=_levels(view),
        charts=page.place(charts(view, styles)),
    )


def _levels(view: ComparisonView) -> list[dict[str, Any]]:
    """Return, per level, a row for each client with a cell for each metric, ``None`` where it has none."""
    return [
        {
            "title": at(level),
            "rows": [
                (plain(client, 60), [_row(of.get(column.name)) for column in view.comparison.columns])
                for client, of in clients.items()
            ],
        }
        for level, clients in view.cells.items()
    ]


def _row(change: Change | None) -> tuple[str, sentences.Row] | None:
    return None if change is None else (change.verdict, sentences.row(change))
