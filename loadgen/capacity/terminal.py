"""A search on the terminal: its steps while it runs, then its result. All its English is made here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from loadgen.capacity.curves import Crossing
from loadgen.capacity.readings import Bound, Budget, Obstacle, Reading
from loadgen.capacity.search import Capacity, SearchListener
from loadgen.model import ClientId
from loadgen.report.text import number, percent, plain

LABEL_WIDTH: Final = 40
STYLES: Final = {
    "within": "green", "over": "red", "server": "yellow", "machine": "yellow", "unmeasured": "yellow",
}  # fmt: skip
BOUNDS: Final[dict[Bound, str]] = {
    "lag_p99": "lag p99", "errors": "errors", "ttft": "TTFT", "concurrency": "target concurrency not reached",
}  # fmt: skip
MISSING: Final[dict[Bound, str]] = {
    "lag_p99": "lag p99 not measured: too few tokens with a send time of the server on this host's clock",
    "errors": "errors not measured: no stream has ended",
    "ttft": "TTFT not measured: no stream has one",
}
LIMITED_BY: Final = {
    "server": "the simulator is the limit", "machine": "the machine is the limit", "unmeasured": "not measured",
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
        return lag, errors, f"over: {BOUNDS[reading.bound]}"
    return lag, errors, f"does not count: {reason(reading.obstacle)}" if reading.obstacle else reading.verdict


def result(
    capacities: Sequence[Capacity], crossings: Sequence[Crossing], budget: Budget, cores: int
) -> Group:
    """Return what each client carries within the budget, what stopped its search, and where curves cross."""
    where = "streams on one core" if cores == 1 else f"streams on {cores} cores"
    table = _table("client", where, "95 % interval", "cells", "stopped by")
    for each in capacities:
        interval = f"{each.limit.low:,.0f} to {each.limit.high:,.0f}" if each.limit else number(None)
        table.add_row(Text(label(each.client)), carries(each), interval, f"{each.cells:,}", stopped(each))
    return Group(Text(f"Budget: {describe(budget)}"), table, *(Text(crossing(each)) for each in crossings))


def describe(budget: Budget) -> str:
    """Return the budget in words."""
    parts = (
        (budget.lag_p99_ms, 1, "lag p99 at most {:g} ms"),
        (budget.errors, 100, "errors at most {:g} %"),
        (budget.ttft, 1, "TTFT p50 at most {:g} times that of one stream"),
    )
    return ", ".join(text.format(scale * value) for value, scale, text in parts if value is not None)


def carries(each: Capacity) -> str:
    """Return the limit, or the bounds of it that are known."""
    if each.limit:
        return f"{each.limit.streams:,.0f}"
    if each.at_least and each.below:
        return f"{each.at_least:,} to {each.below:,}"
    if each.at_least:
        return f"at least {each.at_least:,}"
    return f"fewer than {each.below:,}" if each.below else number(None)


def stopped(each: Capacity) -> str:
    """Return why the client carries no more, or why no more is known."""
    if each.bound:
        return BOUNDS[each.bound]
    if each.stopped == "max_streams":
        return "--max-streams, or the limits of open files, ports, threads and memory"
    if each.obstacle:
        return f"{LIMITED_BY[each.stopped]} at {each.tried or 0:,} streams: {reason(each.obstacle)}"
    return each.stopped


def reason(obstacle: Obstacle) -> str:
    """Return why a cell is not about the client."""
    match obstacle.kind:
        case "ended":
            return plain(obstacle.text, 200)
        case "missing":
            return MISSING[obstacle.bound or "lag_p99"]
        case "other_processes" | "hypervisor" as kind:
            who = "other processes" if kind == "other_processes" else "the hypervisor"
            return f"{who} took {percent(obstacle.share or 0)} of the engine's core"
        case "listen_queue":
            return "the listen queue overflowed"
    late = f"the simulator sent late, p99 {obstacle.late_p99_ms or 0:.1f} ms"
    if obstacle.core is None:
        return late
    busy, others = percent(obstacle.core.busy), percent(obstacle.core.others)
    return f"{late}; its core was {busy} in use, {others} by other processes"


def crossing(each: Crossing) -> str:
    """Return one sentence on two curves."""
    pair = f"{label(each.one)} and {label(each.other)}"
    between = f"between {each.low:,} and {each.high:,} streams"
    if each.lower is None:
        return f"{pair} do not differ beyond the noise {between}"
    lower = label(each.lower)
    if each.at is not None:
        at = f"{each.at.streams:,.0f} streams ({each.at.low:,.0f} to {each.at.high:,.0f})"
        return f"{pair} cross at {at}: {lower} uses less of the budget below, and more above"
    where = "throughout" if each.throughout else "wherever they differ beyond the noise"
    return f"{pair} do not cross {between}: {lower} used less of the budget {where}"


def label(client: ClientId) -> str:
    """Return the client's label, printable and not too long."""
    return plain(client.label, LABEL_WIDTH)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, name in enumerate(names):
        table.add_column(Text(name, style="bold"), justify="right" if 0 < place < 4 else "left")
    return table
