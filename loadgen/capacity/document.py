"""The result of a search as a document: the last screen of the command, and ``limit.html``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from statistics import geometric_mean
from typing import Final

from loadgen.capacity import sentences, server_sentences
from loadgen.capacity.figures import Figure, figures
from loadgen.capacity.measure import SearchResult
from loadgen.capacity.objectives import ServerObjectives
from loadgen.capacity.readings import Reading
from loadgen.capacity.sentences import bound, carries, describe, ended, label, reason, stopped
from loadgen.capacity.server import carried, mean
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
from loadgen.report.charts.lines import Knee, Line, Point, line_chart
from loadgen.report.charts.style import Chart
from loadgen.report.client_style import Styles, client_styles
from loadgen.report.document import about, target, took
from loadgen.report.language import _, plural
from loadgen.report.sections.setup import configuration
from loadgen.report.sentences.limit import LIMITS
from loadgen.report.text import beside, joined, number, percent

FILE: Final = "limit.html"  # in the run folder
HEIGHT: Final = 320  # of the chart
TONES: Final[dict[str, Tone]] = {"within": "good", "over": "bad"}


def summary(found: SearchResult) -> Document:
    """Return what the command prints last: the answer, then a row per client."""
    table: list[Block] = [_limits(found, brief=True), Text(_budget(found), "quiet")]
    answer = [Text(text) for text in answer_of(found)]
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
    charts, of_server = _charts(found, styles), isinstance(found.goal, ServerObjectives)
    carried_title = (
        _("How much the server carries") if of_server else _("How many streams each client carries")
    )
    curve = _("The objectives over the level") if of_server else _("The budget over the streams")
    kind = _("Search for the most streams within a budget")
    if of_server:
        kind = _("Search for the highest level within the objectives")
    limits: list[Block] = [_limits(found), *_method(found)]
    parts = [
        Part("answer", "", [Text(text, "strong") for text in answer_of(found)]),
        Part("limits", carried_title, limits, _("Limits")),
        *([Part("curve", curve, charts, _("Curve"))] if charts else []),
        Part("cells", _("Every cell"), [_cells(found)], folded=len(found.steps) > 60),
        Part("setup", _("What was run, and where"), list(configuration(found.info)), _("Setup"), folded=True),
    ]
    return Document(
        title=found.info.name,
        kind=kind,
        parts=parts,
        about=about(found.info),
        styles=styles,
        footer=_(
            "The data of this page is in `limit.json` and `run.json` beside it, that of the cells in `arrivals/`."
        ),
    )


def answer_of(found: SearchResult) -> list[str]:
    """Return what was found, in sentences: of the server, or of each client."""
    of_server = isinstance(found.goal, ServerObjectives)
    return server_sentences.answer(found) if of_server else sentences.answer(found)


def _budget(found: SearchResult) -> str:
    text = _("Objectives: {goal}") if isinstance(found.goal, ServerObjectives) else _("Budget: {goal}")
    return text.format(goal=describe(found.goal))


def _limits(found: SearchResult, *, brief: bool = False) -> Table:
    if isinstance(found.goal, ServerObjectives):
        return _of_server(found)
    streams = plural(found.cores, "streams on one core", "streams on {n} cores")
    if found.rules.rate:
        streams = plural(found.cores, "arrivals per second on one core", "arrivals per second on {n} cores")
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


def _of_server(found: SearchResult) -> Table:
    level = level_title(found)
    names = (
        _("client"), level, _("all cells hold"), _("half of the cells hold"), _("tokens/s"), _("cells"),
        _("limited by"),
    )  # fmt: skip
    columns = [
        Column(name, text=place in (0, 6), priority=place in (3, 5)) for place, name in enumerate(names)
    ]
    rows: list[Row] = []
    for each in found.clients:
        most = carried(each, found.rules)
        held = [r for r in found.steps if r.client == each.client and r.level.value == each.at_least]
        limit = found.limited_by.get(each.client)
        rows.append(
            [
                Cell(label(each.client), client=each.client),
                number(None) if most is None else f"{most:,g}",
                sentences.with_interval(each.limit) if each.limit else number(None),
                sentences.with_interval(each.half) if each.half else number(None),
                number(mean(held, "tokens_per_s")),
                f"{each.cells:,}",
                _(LIMITS[limit]) if limit else ended(each, found),
            ]
        )
    return Table(columns, {"": rows})


def level_title(found: SearchResult) -> str:
    """Return the heading of a column of levels."""
    return _("arrivals per second") if found.rules.rate else _("streams")


def _method(found: SearchResult) -> list[Block]:
    if isinstance(found.goal, ServerObjectives):
        text = _(
            "The limit is the highest level at which each of {n} cells held; 95 of 100 other searches end in the "
            "interval beside it, and its lower end is quoted. A cell that breaks an objective is the client’s "
            "doing where the objective would hold without what the client added. Cells that the simulator or the "
            "machine disturbed do not count."
        ).format(n=found.rules.confirm)
        return [Text(_("{statement}. {details}").format(statement=_budget(found), details=text), "quiet")]
    text = _(
        "A limit is the highest level at which each of {n} cells held; a client that collapses at random is over its "
        "limit. 95 of 100 other searches end in the interval beside it. Cells that something else than the client "
        "disturbed do not count."
    ).format(n=found.rules.confirm)
    return [Text(_("{statement}. {details}").format(statement=_budget(found), details=text), "quiet")]


def _charts(found: SearchResult, styles: Styles) -> list[Block]:
    """Return a chart of every figure that has a budget; of errors only where there were any."""
    drawn = figures(found.goal, found.ttft_one_stream_ms)
    if not any(reading.errors for reading in found.steps):
        drawn.pop()
    of_server = isinstance(found.goal, ServerObjectives)
    charts = [
        chart
        for figure in drawn
        if (figure.bound is not None or of_server) and (chart := _chart(figure, found, styles))
    ]
    note = _(
        "A mark is the mean of the cells of a step, a thin line reaches from the lowest of them to the highest. "
        "The dotted line is the budget; a client carries what is below."
    )
    if of_server:
        note = _(
            "A mark is the mean of the cells of a step, a thin line reaches from the lowest of them to the highest. "
            "The dotted line across is the objective, the one upward the knee: from there on more only wait."
        )
    crossed = [Bullets([sentences.crossing(each) for each in found.crossings])] if found.crossings else []
    return [Charts(charts, "one", key=len(styles) > 1), Text(note, "quiet"), *crossed] if charts else []


def _chart(figure: Figure, found: SearchResult, styles: Styles) -> Chart | None:
    lines = []
    for client, style in styles.items():
        points = []
        counted = sorted((r for r in found.steps if r.client == client and r.counts), key=lambda r: r.level)
        for level, of in groupby(counted, key=lambda r: r.level):
            if values := [value for reading in of if (value := figure.of(reading)) is not None]:
                points.append(_point(level, values, figure.unit))
        if points:
            lines.append(Line(style, style.label, points, style.dash))
    title, most = figure.title, figure.bound
    if most is not None:
        text = (
            _("{title}, objective {most}")
            if isinstance(found.goal, ServerObjectives)
            else _("{title}, budget {most}")
        )
        title = text.format(title=title, most=f"{most:,g} {figure.unit}")
    return line_chart(title, figure.unit, lines, budget=most, knees=_knees(found, styles))


def _knees(found: SearchResult, styles: Styles) -> list[Knee]:
    """Return where the server saturates with each client."""
    several = len(styles) > 1
    return [
        Knee(each.below, _("server saturated"), styles[each.client].variable if several else "--ink")
        for each in found.saturates
        if each.client
    ]


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
    drawn = [each for each in figures(found.goal, found.ttft_one_stream_ms) if each.bound is not None]
    if isinstance(found.goal, ServerObjectives):
        drawn = figures(found.goal, {})
    used = _("objective used") if isinstance(found.goal, ServerObjectives) else _("budget used")
    names = (
        level_title(found), *(figure.heading for figure in drawn), _("most open"), _("CPU, % of a core"),
        used,
    )  # fmt: skip
    columns = [*map(Column, names), Column(_("verdict"), text=True)]
    groups: dict[str, list[Row]] = {}
    for each in found.clients:
        own = sorted((r for r in found.steps if r.client == each.client), key=lambda r: (r.level, r.cell))
        groups[label(each.client)] = [_cell(reading, drawn, found.cores) for reading in own]
    return Table(columns, groups)


def _cell(of: Reading, drawn: Sequence[Figure], cores: int) -> Row:
    return [
        f"{of.level.value:,g}",
        *(figure.text(of) for figure in drawn),
        number(of.live_peak),
        number(None) if of.cpu_share is None else f"{100 * cores * of.cpu_share:,.0f}",
        number(None) if of.use is None else percent(of.use),
        verdict(of),
    ]


def verdict(of: Reading) -> Cell:
    """Return whether the cell was within the budget, and if not, why."""
    word = {"within": _("within"), "over": _("over")}.get(of.verdict, _("does not count"))
    why = bound(of.bound) if of.bound and of.verdict == "over" else reason(of.obstacle) if of.obstacle else ""
    if why and of.limited_by:
        why = beside(why, _(LIMITS[of.limited_by]))
    return Cell(
        _("{where}: {reason}").format(where=word, reason=why) if why else word,
        tone=TONES.get(of.verdict, "warn"),
    )
