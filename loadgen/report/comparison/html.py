"""A comparison as one HTML page that needs nothing but itself."""

from __future__ import annotations

from loadgen.report.client_style import client_styles
from loadgen.report.comparison import sentences
from loadgen.report.comparison.view import ComparisonView
from loadgen.report.page import Page


def render(view: ComparisonView) -> str:
    """Return the page: the verdict, what changed, every metric over the levels, every change, what differs."""
    from loadgen.report.comparison.charts import charts

    compared = {client for c in view.comparison.changes for client in (c.base_client, c.client)}
    summaries = (*view.base_summaries, *view.head_summaries)
    styles = client_styles({s.client: s.mode for s in summaries if s.client in compared})
    return Page(styles).document("comparison.html", view=view, english=sentences, charts=charts(view, styles))
