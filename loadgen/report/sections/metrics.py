"""The main metrics of every client at every level, as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.text import Text

from loadgen.model import Summary
from loadgen.report.page import at
from loadgen.report.screen import GAP, STYLES
from loadgen.report.sections.section import Section
from loadgen.report.text import figure, plain

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from loadgen.report.page import Page
    from loadgen.report.screen import Screen
    from loadgen.report.view import View

_LABEL = 40
_Columns = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
_LATENCY: _Columns = (
    ("Streams", (("ok", "ok"), ("errors", "errors"))),
    ("TTFT, ms", (("ttft_p50_ms", "p50"), ("ttft_p90_ms", "p90"), ("ttft_p99_ms", "p99"), ("ttft_n", "n"))),
    ("ITL, ms", (("itl_p50_ms", "p50"), ("itl_p90_ms", "p90"), ("itl_p99_ms", "p99"), ("itl_n", "n"))),
    ("Total, ms", (("total_p50_ms", "p50"), ("total_p99_ms", "p99"))),
    (
        "Client's share, ms",
        (("lag_p50_ms", "lag p50"), ("lag_p99_ms", "lag p99"), ("send_delay_p99_ms", "send p99")),
    ),
)
_COST: _Columns = (
    ("Streams open", (("live_peak", "at most"), ("live_mean", "mean"))),
    ("Output", (("tokens_per_s", "tokens/s"), ("events_per_read", "events/read"))),
    (
        "Memory",
        (("rss_base_mib", "base MiB"), ("rss_peak_mib", "peak MiB"), ("rss_per_stream_kib", "KiB/stream")),
    ),
    ("Threads", (("threads_peak", "peak"),)),
    (
        "CPU",
        (("cpu_us_per_token", "µs/token"), ("cpu_percent", "% of a core"), ("run_wait_percent", "% waiting")),
    ),
    (
        "Switches per token",
        (("voluntary_switches_per_token", "voluntary"), ("involuntary_switches_per_token", "involuntary")),
    ),
)


class Metrics(Section):
    id = "metrics"
    title = "Metrics"

    def html(self, view: View, page: Page) -> str:
        return page.section(
            self.id,
            tables=[_table("Latency", _LATENCY, view), _table("Client cost", _COST, view)]
            if view.summaries
            else [],
        )

    def terminal(self, view: View, screen: Screen) -> Iterable[RenderableType]:
        if not view.summaries:
            yield Text("nothing was measured", style="bold")
            return
        yield _short_table(view, screen)
        low = any(each.low_sample for s in view.summaries for each in s.values())
        legend = "TTFT, ITL, total and lag in ms; – not measured"
        yield screen.text(f"{legend}; ~ low sample size" if low else legend, "dim")


# -------------------------------------------------------------------------------------------- HTML


def _table(title: str, columns: _Columns, view: View) -> dict[str, Any]:
    return {
        "title": title,
        "columns": columns,
        "levels": [
            {
                "title": at(level),
                "rows": [
                    {
                        "style": view.styles[s.client],
                        "mode": s.mode,
                        "repeats": s.repeats,
                        "groups": [[_cell(s, name) for name, _ in names] for _, names in columns],
                        "validity": s.validity.value,
                    }
                    for s in of
                ],
            }
            for level, of in view.levels.items()
        ],
    }


def _cell(summary: Summary, name: str) -> dict[str, Any]:
    found = summary[name]
    low, high = found.low, found.high
    between = None if low is None or high is None else f"{figure(low)}–{figure(high)}"
    kind = "n" if name.endswith("_n") else "bad" if name == "errors" and found.value else ""
    return {"text": figure(found.value), "low_sample": found.low_sample, "between": between, "kind": kind}


# ---------------------------------------------------------------------------------------- terminal


@dataclass(frozen=True, slots=True)
class _Column:
    group: str
    name: str
    value: Callable[[Summary], str]
    rank: int  # columns are given up from the highest rank on


def _of(name: str) -> Callable[[Summary], str]:
    return lambda summary: ("~" if summary[name].low_sample else "") + figure(summary.value(name))


def _switches(summary: Summary) -> str:
    both = [summary.value("voluntary_switches_per_token"), summary.value("involuntary_switches_per_token")]
    known = [value for value in both if value is not None]
    return figure(sum(known) if known else None)


_COLUMNS = (
    _Column("", "mode", lambda s: s.mode, 17),
    _Column("", "streams", _of("streams"), 18),
    _Column("", "ok", _of("ok"), 13),
    _Column("", "errors", _of("errors"), 3),
    _Column("open", "at once", _of("live_peak"), 19),
    _Column("", "tokens/s", _of("tokens_per_s"), 16),
    _Column("TTFT", "p50", _of("ttft_p50_ms"), 0),
    _Column("TTFT", "p90", _of("ttft_p90_ms"), 20),
    _Column("TTFT", "p99", _of("ttft_p99_ms"), 1),
    _Column("ITL", "p50", _of("itl_p50_ms"), 9),
    _Column("ITL", "p90", _of("itl_p90_ms"), 21),
    _Column("ITL", "p99", _of("itl_p99_ms"), 6),
    _Column("total", "p50", _of("total_p50_ms"), 14),
    _Column("total", "p99", _of("total_p99_ms"), 15),
    _Column("lag", "p50", _of("lag_p50_ms"), 10),
    _Column("lag", "p99", _of("lag_p99_ms"), 2),
    _Column("KiB/", "stream", _of("rss_per_stream_kib"), 4),
    _Column("", "threads", _of("threads_peak"), 5),
    _Column("CPU µs", "/token", _of("cpu_us_per_token"), 7),
    _Column("switch", "/token", _switches, 8),
    _Column("", "verdict", lambda s: str(s.validity), 2),
)


def _short_table(view: View, screen: Screen) -> Table:
    """Return as many columns as the terminal has room for."""
    titles = {level: level.label for level in view.levels}
    labels = {s.client: screen.spell(plain(s.client.label, _LABEL)) for s in view.summaries}
    first = max(*(cell_len(label) + 2 for label in labels.values()), *map(len, titles.values()))
    columns = _fitting(screen, view.summaries, screen.width - first)
    table = screen.table()
    table.add_column(Text("\nclient"), no_wrap=True, overflow="ellipsis")
    before = ""
    for column in columns:
        group = column.group if column.group != before else ""
        before = column.group
        width = _width(screen, column, view.summaries)
        table.add_column(
            Text(screen.spell(f"{group}\n{column.name}")), justify="right", no_wrap=True, min_width=width
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
    for column in sorted(_COLUMNS, key=lambda c: c.rank):
        room -= _width(screen, column, summaries) + GAP
        if room < 0:
            break
        chosen.append(column)
    return [column for column in _COLUMNS if column in chosen]


def _width(screen: Screen, column: _Column, summaries: Sequence[Summary]) -> int:
    texts = [column.group, column.name, *(column.value(s) for s in summaries)]
    return max(cell_len(screen.spell(text)) for text in texts)
