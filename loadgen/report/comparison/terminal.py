"""A comparison in the terminal: the verdict, what became worse or better, and the main changes of every cell."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from loadgen.analysis.changes import Change
from loadgen.analysis.metrics import Column
from loadgen.report.columns import narrow, scaled
from loadgen.report.comparison import sentences
from loadgen.report.comparison.view import ComparisonView
from loadgen.report.screen import GridColumn, OnScreen, Screen
from loadgen.report.text import NOT_MEASURED

DELAYS = 3
SIGNS = {"worse": "✗", "better": "✓", "same": "", "unknown": "?"}
STYLES = {"worse": "bold red", "better": "green", "same": "", "unknown": "dim"}
VERDICT_STYLES = {"worse": "bold red", "not worse": "bold green", "cannot tell": "bold yellow"}
LEGEND = "change in %, ± half of its 95 % interval; ✗ worse and ✓ better beyond the noise"
_LABEL = 30


def render(view: ComparisonView) -> OnScreen:
    """Return a renderable that chooses its columns by the console's width."""
    return OnScreen(lambda screen: _parts(view, screen))


def _parts(view: ComparisonView, screen: Screen) -> Iterable[RenderableType]:
    comparison = view.comparison
    yield screen.text(sentences.title(view), "bold")
    if view.differences:
        yield screen.text("What differs", "dim")
    for difference in view.differences:
        yield screen.text(f"  {sentences.difference(difference)}", "yellow" if difference.blocking else "dim")
    yield Text("")
    if view.called:
        yield _called(view.called, screen)
        yield Text("")
    if delays := sentences.delays(view)[:DELAYS]:
        yield from (screen.text(f"In HEAD, {text}") for text in delays)
        yield Text("")
    if comparison.comparisons:
        yield from _cells(view, screen)
        yield screen.text(sentences.method(comparison), "dim")
    yield from (screen.text(note, "dim") for note in sentences.notes(view))
    yield Text("")
    yield screen.text(sentences.verdict(comparison), VERDICT_STYLES[comparison.verdict])


def _called(called: Iterable[Change], screen: Screen) -> Table:
    table = screen.table()
    for place, name in enumerate(sentences.HEADINGS):
        table.add_column(name, justify="left" if place < 3 else "right", no_wrap=True, overflow="ellipsis")
    table.columns[1].max_width = _LABEL
    for change in called:
        texts = [screen.text(text) for text in sentences.row(change)]
        for place in (0, 6):  # verdict and change
            texts[place].stylize(STYLES[change.verdict])
        table.add_row(*texts)
    return table


def _cells(view: ComparisonView, screen: Screen) -> Iterable[RenderableType]:
    """Yield a row per cell with its changes: as many of the metrics as there is room for, the primary ones first."""
    cells = [(level, client, of) for level, clients in view.cells.items() for client, of in clients.items()]

    def column(of: Column, place: int) -> GridColumn:
        found = [changes.get(of.name) for _, _, changes in cells]
        texts = [screen.text(_short(c), STYLES[c.verdict]) if c else Text(NOT_MEASURED) for c in found]
        return GridColumn(narrow(of), texts, place)

    marks = ["~" if any(c.suspect for c in of.values()) else "" for _, _, of in cells]
    rows = [(level, f"{client}{mark}") for (level, client, _), mark in zip(cells, marks, strict=True)]
    columns = [column(of, place) for place, of in enumerate(view.comparison.columns)]
    table, hidden = screen.grid(rows, columns)
    yield table
    more = f"; {hidden} more metrics in --json and --html" if hidden else ""
    yield screen.text(f"{LEGEND}{more}", "dim")


def _short(of: Change) -> str:
    """Return the change and half of its interval in a few characters."""
    if of.change is None or of.low is None or of.high is None:
        return SIGNS[of.verdict]
    scale = 100.0 if of.relative else scaled(of.column, 1.0) or 1.0
    text = sentences.share(of.change) if of.relative else ""
    if not text.startswith("×"):
        half = (of.high - of.low) / 2 * scale
        wide = f"{half:.0f}" if half < 1000 else "1000+"
        text = f"{scale * of.change:+.0f} ±{wide}".replace("-", "−")
    return text + SIGNS[of.verdict]
