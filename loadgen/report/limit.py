"""A search for limits as people read it: its steps while it runs, then what it found."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from loadgen.analysis.crossover import Crossing, Found
from loadgen.analysis.steps import Reading
from loadgen.report.text import figure, plain

_LABEL = 40
_STYLES = {"within": "green", "over": "red", "server": "yellow", "machine": "yellow", "unmeasured": "yellow"}
_WHO = {
    "server": "the simulator is the limit",
    "machine": "the machine is the limit",
    "unmeasured": "not measured",
}
_NAMES = {
    "lag p99": "lag p99",
    "errors": "errors",
    "TTFT": "TTFT",
    "concurrency": "so many were never open at once",
}


class Quiet:
    """Says nothing but notes."""

    def begins(self, client: str, streams: int) -> None: ...
    def heard(self, reading: Reading) -> None: ...

    def note(self, text: str) -> None:
        Console(stderr=True).print(Text(plain(text)), soft_wrap=True)


class Lines:
    """A line per cell; for a pipe or a log."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begins(self, client: str, streams: int) -> None:
        """Said on a terminal only."""

    def heard(self, reading: Reading) -> None:
        lag, errors, verdict = figures(reading)
        self._print(
            f"{_label(reading.client)} x {reading.streams:,}: lag p99 {lag}, errors {errors}: {verdict}"
        )

    def note(self, text: str) -> None:
        self._print(plain(text))

    def _print(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)


class OnTerminal(Lines):
    """A table that grows by a row per step, cells of a step side by side."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._readings: list[Reading] = []
        self._now = ""
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._table)

    def begins(self, client: str, streams: int) -> None:
        self._now = f"measuring {_label(client)} x {streams:,}"

    def heard(self, reading: Reading) -> None:
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
    """Every step of every client, by streams; its cells in the order measured."""
    table = _bare("client", "streams", "lag p99", "errors", "verdict")
    places = {client: place for place, client in enumerate(dict.fromkeys(each.client for each in readings))}
    before = ""
    for reading in sorted(readings, key=lambda each: (places[each.client], each.streams)):
        lag, errors, verdict = figures(reading)
        client, before = "" if reading.client == before else _label(reading.client), reading.client
        style = _STYLES.get(reading.verdict, "")
        table.add_row(Text(client), f"{reading.streams:,}", lag, errors, Text(verdict, style=style))
    return table


def figures(reading: Reading) -> tuple[str, str, str]:
    """Lag, errors and verdict of one cell."""
    lag = figure(reading.lag_p99_ms) + (" ms" if reading.lag_p99_ms is not None else "")
    errors = f"{reading.errors:.1%}" if reading.errors is not None else figure(None)
    if reading.verdict == "within":
        return lag, errors, "within"
    if reading.verdict == "over":
        return lag, errors, f"over: {_NAMES.get(reading.by, reading.by)}"
    return lag, errors, f"does not count: {plain(reading.reason, 100)}"


def found(told: Sequence[Found], crossings: Sequence[Crossing], budget: str, cores: int) -> RenderableType:
    """What each client carries within ``budget``, what stopped it, and where the curves cross."""
    table = _bare(
        "client", "streams on one core" if cores == 1 else f"streams on {cores} cores", "95 % interval"
    )
    table.add_column("cells", justify="right")
    table.add_column("what stopped it")
    for each in told:
        table.add_row(
            Text(_label(each.client)), carries(each), _interval(each), f"{each.cells:,}", stopped(each)
        )
    return Group(Text(f"Budget: {budget}"), table, *(Text(crossing(each)) for each in crossings))


def carries(each: Found) -> str:
    """The limit, or the bounds of it that are known."""
    if each.limit is not None:
        return f"{each.limit.streams:,.0f}"
    if each.at_least is not None and each.below is not None:
        return f"{each.at_least:,} to {each.below:,}"
    if each.at_least is not None:
        return f"at least {each.at_least:,}"
    if each.below is not None:
        return f"fewer than {each.below:,}"
    return figure(None)


def stopped(each: Found) -> str:
    """Why there are no more, or why no more is known."""
    if each.stopped == "budget":
        return _NAMES.get(each.reason, each.reason)
    if each.stopped == "most":
        return "--most, or what open files, ports, threads and memory allow"
    if each.stopped == "interrupted":
        return "interrupted"
    return f"{_WHO.get(each.stopped, each.stopped)} at {each.tried or 0:,} streams: {plain(each.reason, 200)}"


def crossing(each: Crossing) -> str:
    """One sentence on two curves."""
    pair = f"{_label(each.one)} and {_label(each.other)}"
    between = f"between {each.low:,} and {each.high:,} streams"
    if each.at is not None:
        at = f"{each.at.streams:,.0f} streams ({each.at.low:,.0f} to {each.at.high:,.0f})"
        return f"{pair} cross at {at}: below, {_label(each.lower)} uses less of the budget; above, more"
    if not each.lower:
        return f"{pair} are within the noise of each other {between}"
    where = "throughout" if each.throughout else "wherever they differ beyond the noise"
    return f"{pair} never crossed {between}: {_label(each.lower)} used less of the budget {where}"


def _interval(each: Found) -> str:
    return f"{each.limit.low:,.0f} to {each.limit.high:,.0f}" if each.limit is not None else figure(None)


def _label(client: str) -> str:
    return plain(client, _LABEL)


def _bare(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, name in enumerate(names):
        table.add_column(Text(name, style="bold"), justify="right" if 0 < place < 4 else "left")
    return table
