"""The main metrics of every client at every level, as tables."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

from rich.text import Text

from loadgen.analysis.metrics import Column, Metric, Topic, column, metrics, short
from loadgen.analysis.metrics.streams import errors
from loadgen.model import Summary
from loadgen.report import markdown
from loadgen.report.columns import narrow, rank_of, shown, value_text, with_unit
from loadgen.report.screen import GridColumn
from loadgen.report.sections.section import Rendered, Screen, Section, View

MODE_PRIORITY = 17
VALIDITY_PRIORITY = 2
TABLES: tuple[tuple[str, frozenset[Topic]], ...] = (
    ("Latency", frozenset({"streams", "latency"})),
    ("Client cost", frozenset({"cost"})),
)


class Metrics(Section):
    id = "metrics"
    title = "Metrics"

    def context(self, view: View) -> dict[str, Any]:
        tables = [(title, _groups(topics)) for title, topics in TABLES]
        return {"tables": tables, "with_unit": with_unit, "rank_of": rank_of, "cell": _cell}

    def terminal(self, view: View, screen: Screen) -> Rendered:
        if not view.summaries:
            yield Text("nothing was measured", style="bold")
            return
        summaries = view.by_level
        rows = [(s.level, s.client.label) for s in summaries]
        yield screen.grid(rows, _columns(screen, summaries))[0]
        low = any(each.low_sample for s in view.summaries for each in s.values())
        legend = "TTFT, ITL, total and lag in ms; – not measured"
        yield screen.text(f"{legend}; ~ low sample size" if low else legend, "dim")

    def markdown(self, view: View) -> str:
        columns = [of for of, _ in short() if of.rank in (None, 50, 99)]
        head = ["client", "level", *map(with_unit, columns), "validity"]
        rows = [
            [s.client, s.level, *(value_text(of, s.value(of.name)) for of in columns), s.validity]
            for s in view.by_level
        ]
        return markdown.table(head, rows, texts=2) if rows else "Nothing was measured."


def _groups(topics: Container[Topic]) -> list[tuple[Metric, list[Column]]]:
    """Return the metrics of these topics with their columns: several for one with percentiles."""
    return [(m, columns) for m in metrics() if m.topic in topics and (columns := _tabled(m))]


def _tabled(metric: Metric) -> list[Column]:
    found = [column(metric.column(rank)) for rank in metric.ranks if rank in metric.tabled]
    return [*found, column(f"{metric.key}_n")] if found and metric.count else found


def _cell(summary: Summary, column: Column) -> dict[str, Any]:
    found = summary[column.name]
    return {
        "text": value_text(column, found.value),
        "low_sample": found.low_sample,
        "bounds": shown(column, found),
        "kind": "n" if column.part == "n" else "bad" if column.metric is errors and found.value else "",
    }


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
