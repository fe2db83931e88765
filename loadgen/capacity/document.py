"""The result of a search as a document: the last screen of the command, and ``limit.html``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from statistics import geometric_mean
from typing import Final

from loadgen.capacity import sentences
from loadgen.capacity.measure import SearchResult
from loadgen.capacity.readings import Reading
from loadgen.capacity.sentences import bound, carries, describe, label, reason, stopped
from loadgen.model import Level
from loadgen.report.blocks import (
    Block,
    Bullets,
    Cell,
    Charts,
    Column,
    Document,
    Part,
    Row,
    Table,
    Text,
    Tone,
)
from loadgen.report.charts.lines import Line, Point, line_chart
from loadgen.report.charts.style import Chart
from loadgen.report.client_style import Styles, client_styles
from loadgen.report.document import about, target, took
from loadgen.report.language import _, plural
from loadgen.report.sections.setup import configuration
from loadgen.report.text import joined, number, percent

FILE: Final = "limit.html"  # in the run folder
HEIGHT: Final = 320  # of the chart
TONES: Final[dict[str, Tone]] = {"within": "good", "over": "bad"}


def summary(found: SearchResult) -> Document:
    """Return what the command prints last: the answer, then a row per client."""
    table: list[Block] = [_limits(found, brief=True), Text(_budget(found), "quiet")]
    answer = [Text(text) for text in sentences.answer(found)]
    info = found.info
    what = (
        info.name,
        plural(len(found.clients), "{n} client", "{n} clients"),
        plural(len(found.steps), "{n} cell", "{n} cells"),
        target(info.scenario),
        took(info),
    )
    title = "  ".join(filter(None, what))
    return Document(title=title, kind="", parts=[Part("answer", "", answer), Part("limits", "", table)])


def page(found: SearchResult) -> Document:
    """Return the page: the answer, the curves with the budget, every cell, the setup."""
    modes = {cell.client: cell.mode for cell in found.info.cells}
    styles = client_styles({each.client: modes.get(each.client, "tasks") for each in found.clients})
    charts = _charts(found, styles)
    limits: list[Block] = [_limits(found), *_method(found)]
    parts = [
        Part("answer", "", [Text(text, "strong") for text in sentences.answer(found)]),
        Part("limits", _("How many streams each client carries"), limits, _("Limits")),
        *([Part("curve", _("The budget over the streams"), charts, _("Curve"))] if charts else []),
        Part("cells", _("Every cell"), [_cells(found)], folded=len(found.steps) > 60),
        Part("setup", _("What was run, and where"), list(configuration(found.info)), _("Setup"), folded=True),
    ]
    return Document(
        title=found.info.name,
        kind=_("Search for the most streams within a budget"),
        parts=parts,
        about=about(found.info),
        styles=styles,
        footer=_(
            "The data of this page is in `limit.json` and `run.json` beside it, that of the cells in `arrivals/`."
        ),
    )


def _budget(found: SearchResult) -> str:
    return _("Budget: {budget}").format(budget=describe(found.budget))


def _limits(found: SearchResult, *, brief: bool = False) -> Table:
    streams = plural(found.cores, "streams on one core", "streams on {n} cores")
    names = (
        _("client"), streams, _("another search"), _("half of the cells hold"), _("cells"), _("stopped by"),
    )  # fmt: skip
    columns = [
        Column(name, text=place in (0, 5), priority=place in (3, 4)) for place, name in enumerate(names)
    ]
    rows: list[Row] = []
    for each in found.clients:
        another = sentences.interval(each.limit) if each.limit else number(None)
        half = sentences.with_interval(each.half) if each.half else number(None)
        first = Cell(label(each.client), client=each.client)
        why = (
            _("{where}: {reason}").format(where=stopped(each), reason=reason(each.obstacle))
            if each.obstacle and not brief
            else stopped(each)
        )
        rows.append([first, carries(each), another, half, f"{each.cells:,}", why])
    return Table(columns, {"": rows})


def _method(found: SearchResult) -> list[Block]:
    text = _(
        "A limit is the highest level at which each of {n} cells held; a client that collapses at random is over its "
        "limit. 95 of 100 other searches end in the interval beside it. Cells that something else than the client "
        "disturbed do not count."
    ).format(n=found.rules.confirm)
    return [Text(_("{statement}. {details}").format(statement=_budget(found), details=text), "quiet")]


def _charts(found: SearchResult, styles: Styles) -> list[Block]:
    """Return a chart of every figure that has a budget; of errors only where there were any."""
    budget, one = found.budget, found.ttft_one_stream_ms
    ttft: Callable[[Reading], float | None] = lambda r: (  # noqa: E731
        r.ttft_p50_ms / one[r.client] if r.ttft_p50_ms and r.client in one else None
    )
    failed = any(reading.errors for reading in found.steps)
    drawn = (
        (_("Delivery lag p99"), "ms", budget.lag_p99_ms, lambda r: r.lag_p99_ms),
        (_("TTFT p50 over that of one stream"), "times", budget.ttft, ttft),
        (
            _("Failed streams"),
            "%",
            100 * budget.errors if budget.errors and failed else None,
            _percent_failed,
        ),
    )
    charts = [
        chart
        for title, unit, most, figure in drawn
        if most is not None and (chart := _chart(title, unit, most, figure, found, styles))
    ]
    note = _(
        "A mark is the mean of the cells of a step, a thin line reaches from the lowest of them to the highest. "
        "The dotted line is the budget; a client carries what is below."
    )
    crossed = [Bullets([sentences.crossing(each) for each in found.crossings])] if found.crossings else []
    return [Charts(charts, "one", key=len(styles) > 1), Text(note, "quiet"), *crossed] if charts else []


def _percent_failed(reading: Reading) -> float | None:
    return None if reading.errors is None else 100 * reading.errors


def _chart(
    title: str,
    unit: str,
    most: float,
    figure: Callable[[Reading], float | None],
    found: SearchResult,
    styles: Styles,
) -> Chart | None:
    lines = []
    for client, style in styles.items():
        points = []
        counted = sorted((r for r in found.steps if r.client == client and r.counts), key=lambda r: r.level)
        for level, of in groupby(counted, key=lambda r: r.level):
            if values := [value for reading in of if (value := figure(reading)) is not None]:
                points.append(_point(level, values, unit))
        if points:
            lines.append(Line(style, style.label, points, style.dash))
    return line_chart(
        _("{title}, budget {most}").format(title=title, most=f"{most:g} {unit}"), unit, lines, budget=most
    )


def _point(level: Level, values: Sequence[float], unit: str) -> Point:
    mean = geometric_mean(values) if min(values) > 0 else sum(values) / len(values)
    cells = joined(map(number, sorted(values)))
    several = (min(values), max(values)) if len(values) > 1 else None
    return Point(
        level,
        mean,
        several,
        f"{number(mean)} {unit} ({cells})" if several else f"{cells} {unit}",
    )


def _cells(found: SearchResult) -> Table:
    """Return a row per cell, by client and streams."""
    names = (
        _("streams"), _("lag p99, ms"), _("TTFT p50, ms"), _("errors"), _("most open"), _("CPU, % of a core"),
        _("budget used"),
    )  # fmt: skip
    columns = [*map(Column, names), Column(_("verdict"), text=True)]
    groups: dict[str, list[Row]] = {}
    for each in found.clients:
        own = sorted((r for r in found.steps if r.client == each.client), key=lambda r: (r.level, r.cell))
        groups[label(each.client)] = [_cell(reading, found.cores) for reading in own]
    return Table(columns, groups)


def _cell(of: Reading, cores: int) -> Row:
    return [
        f"{of.level.value:,g}",
        number(of.lag_p99_ms),
        number(of.ttft_p50_ms),
        number(None) if of.errors is None else percent(of.errors),
        number(of.live_peak),
        number(None) if of.cpu_share is None else f"{100 * cores * of.cpu_share:,.0f}",
        number(None) if of.use is None else percent(of.use),
        verdict(of),
    ]


def verdict(of: Reading) -> Cell:
    """Return whether the cell was within the budget, and if not, why."""
    word = {"within": _("within"), "over": _("over")}.get(of.verdict, _("does not count"))
    why = bound(of.bound) if of.bound and of.verdict == "over" else reason(of.obstacle) if of.obstacle else ""
    return Cell(
        _("{where}: {reason}").format(where=word, reason=why) if why else word,
        tone=TONES.get(of.verdict, "warn"),
    )
