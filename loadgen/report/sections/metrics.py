"""The main metrics of every client at every level, as tables."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from loadgen.analysis.metrics import column, metrics, short
from loadgen.analysis.metrics.streams import errors
from loadgen.model import Summary
from loadgen.report import markdown
from loadgen.report.columns import heading, narrow, rank_of, scaled, value_text, with_unit
from loadgen.report.page import at
from loadgen.report.screen import GridColumn
from loadgen.report.sections.section import Page, Rendered, Screen, Section, View
from loadgen.report.text import interval

if TYPE_CHECKING:
    from loadgen.analysis.metrics import Column, Metric
    from loadgen.analysis.metrics.metric import Topic

MODE_PRIORITY = 17
VALIDITY_PRIORITY = 2
TABLES: tuple[tuple[str, frozenset[Topic]], ...] = (
    ("Latency", frozenset({"streams", "latency"})),
    ("Client cost", frozenset({"cost"})),
)


class Metrics(Section):
    id = "metrics"
    title = "Metrics"

    def html(self, view: View, page: Page) -> str:
        tables = [_table(title, topics, view) for title, topics in TABLES] if view.summaries else []
        return page.section(self.id, tables=tables)

    def terminal(self, view: View, screen: Screen) -> Rendered:
        if not view.summaries:
            yield Text("nothing was measured", style="bold")
            return
        summaries = [summary for of in view.levels.values() for summary in of]
        rows = [(s.level, s.client.label) for s in summaries]
        yield screen.grid(rows, _columns(screen, summaries))[0]
        low = any(each.low_sample for s in view.summaries for each in s.values())
        legend = "TTFT, ITL, total and lag in ms; – not measured"
        yield screen.text(f"{legend}; ~ low sample size" if low else legend, "dim")

    def markdown(self, view: View) -> str:
        columns = [column for column, _ in short() if column.rank in (None, 50, 99)]
        head = ["client", "level", *(heading(column) for column in columns), "validity"]
        rows = [
            [
                s.client.label,
                s.level.label,
                *(value_text(column, s.value(column.name)) for column in columns),
                s.validity,
            ]
            for of in view.levels.values()
            for s in of
        ]
        return markdown.table(head, rows, texts=2) if rows else "Nothing was measured."


# -------------------------------------------------------------------------------------------- HTML


def _table(title: str, topics: Container[Topic], view: View) -> dict[str, Any]:
    """Return the table of these topics: a group of columns for each metric with percentiles, a column for others."""
    groups = [
        (metric, shown) for metric in metrics() if metric.topic in topics and (shown := _tabled(metric))
    ]
    return {
        "title": title,
        "groups": [
            (with_unit(metric), metric.description, [rank_of(column) or "n" for column in of])
            for metric, of in groups
        ],
        "columns": sum(len(of) for _, of in groups),
        "levels": [
            {
                "title": at(level),
                "rows": [
                    {
                        "style": view.styles[s.client],
                        "mode": s.mode,
                        "repeats": s.repeats,
                        "groups": [[_cell(s, column) for column in of] for _, of in groups],
                        "validity": s.validity.value,
                    }
                    for s in of
                ],
            }
            for level, of in view.levels.items()
        ],
    }


def _tabled(metric: Metric) -> list[Column]:
    shown = [column(metric.column(rank)) for rank in metric.ranks if rank in metric.tabled]
    return [*shown, column(f"{metric.key}_n")] if shown and metric.count else shown


def _cell(summary: Summary, column: Column) -> dict[str, Any]:
    found = summary[column.name]
    return {
        "text": value_text(column, found.value),
        "low_sample": found.low_sample,
        "between": interval(scaled(column, found.low), scaled(column, found.high)),
        "kind": "n" if column.part == "n" else "bad" if column.metric is errors and found.value else "",
    }


# ---------------------------------------------------------------------------------------- terminal


def _columns(screen: Screen, summaries: Sequence[Summary]) -> list[GridColumn]:
    def made(heading: tuple[str, str], texts: Iterable[str], priority: int) -> GridColumn:
        return GridColumn(heading, [screen.word(text) for text in texts], priority)

    def text(summary: Summary, of: Column) -> str:
        mark = "~" if summary[of.name].low_sample else ""
        return mark + value_text(of, summary.value(of.name))

    return [
        made(("", "mode"), (s.mode for s in summaries), MODE_PRIORITY),
        *(made(narrow(of), (text(s, of) for s in summaries), priority) for of, priority in short()),
        made(("", "validity"), (s.validity for s in summaries), VALIDITY_PRIORITY),
    ]
