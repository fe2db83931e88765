"""A search on the terminal while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from loadgen.capacity.readings import Reading
from loadgen.capacity.search import SearchListener
from loadgen.capacity.sentences import bound, label, reason
from loadgen.model import ClientId
from loadgen.report.text import number, percent, plain

STYLES: Final = {
    "within": "green", "over": "red", "server": "yellow", "machine": "yellow", "unmeasured": "yellow",
}  # fmt: skip


class Notes(SearchListener):
    """Prints notes only."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    def note(self, text: str) -> None:
        self._console.print(Text(plain(text)), soft_wrap=True)


class Lines(Notes):
    """Prints a line per cell; for a pipe or a log."""

    def step_ends(self, reading: Reading) -> None:
        lag, errors, verdict = columns(reading)
        self.note(f"{label(reading.client)} x {reading.streams:,}: lag p99 {lag}, errors {errors}: {verdict}")


class OnTerminal(Notes):
    """Shows a table that grows by a row per cell."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._readings: list[Reading] = []
        self._now = ""
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._table)

    def step_begins(self, client: ClientId, streams: int) -> None:
        self._now = f"measuring {label(client)} x {streams:,}"

    def step_ends(self, reading: Reading) -> None:
        self._readings.append(reading)

    def __enter__(self) -> OnTerminal:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._now = ""
        self._live.stop()

    def _table(self) -> RenderableType:
        return Group(steps(self._readings), Text(self._now, style="bold"))


def steps(readings: Sequence[Reading]) -> Table:
    """Return a table of every cell, by client and streams; cells of a step in the order measured."""
    table = _table("client", "streams", "lag p99", "errors", "verdict")
    clients = list(dict.fromkeys(each.client for each in readings))
    before = None
    for reading in sorted(readings, key=lambda each: (clients.index(each.client), each.streams)):
        lag, errors, verdict = columns(reading)
        client, before = "" if reading.client == before else label(reading.client), reading.client
        style = STYLES[reading.verdict]
        table.add_row(Text(client), f"{reading.streams:,}", lag, errors, Text(verdict, style=style))
    return table


def columns(reading: Reading) -> tuple[str, str, str]:
    """Return lag, errors and verdict of one cell."""
    lag = number(reading.lag_p99_ms) + (" ms" if reading.lag_p99_ms is not None else "")
    errors = number(None) if reading.errors is None else percent(reading.errors)
    if reading.bound and reading.verdict == "over":
        return lag, errors, f"over: {bound(reading.bound)}"
    return lag, errors, f"does not count: {reason(reading.obstacle)}" if reading.obstacle else reading.verdict


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, name in enumerate(names):
        table.add_column(Text(name, style="bold"), justify="right" if 0 < place < 4 else "left")
    return table
