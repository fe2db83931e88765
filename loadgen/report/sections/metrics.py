"""The main metrics of every client at every level, as tables."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.text import Text

from loadgen.analysis.metrics import column, metrics, short
from loadgen.analysis.metrics.streams import ERRORS
from loadgen.model import Summary
from loadgen.report import markdown
from loadgen.report.columns import heading, narrow, rank_of, scaled, value_text, with_unit
from loadgen.report.page import at
from loadgen.report.screen import GAP, STYLES
from loadgen.report.sections.section import Page, Rendered, Screen, Section, View
from loadgen.report.text import interval, plain

if TYPE_CHECKING:
    from rich.table import Table

    from loadgen.analysis.metrics import Column, Metric
    from loadgen.analysis.metrics.metric import Topic

LABEL = 40
MODE_PRIORITY = 17
VERDICT_PRIORITY = 2
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
        yield _short_table(view, screen)
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
        "kind": "n" if column.part == "n" else "bad" if column.metric is ERRORS and found.value else "",
    }


# ---------------------------------------------------------------------------------------- terminal


@dataclass(frozen=True, slots=True)
class _Column:
    group: str
    name: str
    value: Callable[[Summary], str]
    priority: int  # the highest number is dropped first


def _short_columns() -> list[_Column]:
    def text(column: Column) -> Callable[[Summary], str]:
        return lambda s: ("~" if s[column.name].low_sample else "") + value_text(column, s.value(column.name))

    return [
        _Column("", "mode", lambda s: s.mode, MODE_PRIORITY),
        *(_Column(*narrow(column), text(column), priority) for column, priority in short()),
        _Column("", "validity", lambda s: str(s.validity), VERDICT_PRIORITY),
    ]


def _short_table(view: View, screen: Screen) -> Table:
    """Return as many columns as the terminal has room for."""
    titles = {level: level.label for level in view.levels}
    labels = {s.client: screen.spell(plain(s.client.label, LABEL)) for s in view.summaries}
    first = max(*(cell_len(label) + 2 for label in labels.values()), *map(len, titles.values()))
    columns = _fitting(screen, view.summaries, screen.width - first)
    table = screen.table()
    table.add_column(Text("\nclient"), no_wrap=True, overflow="ellipsis")
    before = ""
    for each in columns:
        group = each.group if each.group != before else ""
        before = each.group
        width = _width(screen, each, view.summaries)
        table.add_column(
            Text(screen.spell(f"{group}\n{each.name}")), justify="right", no_wrap=True, min_width=width
        )
    for level, of in view.levels.items():
        table.add_row(Text(titles[level], style="bold"))
        for summary in of:
            values = [screen.spell(column.value(summary)) for column in columns]
            cells = [Text(value, style=STYLES.get(value, "")) for value in values]
            table.add_row(Text("  " + labels[summary.client]), *cells)
    return table


def _fitting(screen: Screen, summaries: Sequence[Summary], room: int) -> list[_Column]:
    chosen: list[_Column] = []
    columns = _short_columns()
    for each in sorted(columns, key=lambda c: c.priority):
        room -= _width(screen, each, summaries) + GAP
        if room < 0:
            break
        chosen.append(each)
    return [each for each in columns if each in chosen]


def _width(screen: Screen, column: _Column, summaries: Sequence[Summary]) -> int:
    texts = [column.group, column.name, *(column.value(s) for s in summaries)]
    return max(cell_len(screen.spell(text)) for text in texts)
