"""Metrics over the levels, a line per client; dots where there is one level only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bokeh.models import Scatter, Segment

from loadgen.analysis import effects, rounds
from loadgen.analysis.metrics import Column, Metric, column, metrics
from loadgen.analysis.metrics.lag import lag, relative_lag
from loadgen.model import Carries, Estimate, Limit, Saturates, Summary, ThresholdFinding
from loadgen.report.charts.axes import axis
from loadgen.report.charts.lines import Knee, Line, Point, line_chart, point
from loadgen.report.charts.style import Chart, Mark, across, draw, hover, row_plot
from loadgen.report.client_style import Styles
from loadgen.report.columns import column_title, rank_of, scaled, shown, title_of, unit_of
from loadgen.report.language import _
from loadgen.report.text import clauses, number, plain
from loadgen.report.view import View

# Drawn first where no threshold is about a latency; of an open load what its users would feel.
LATENCIES = ("ttft_corrected_p95_ms", "ttft_corrected_p50_ms", "ttft_p95_ms")
SCHEDULED = "_corrected"  # ends the key of a latency that counts from the schedule
OVER_LEVELS = ("tokens_per_s", "rss_peak_mib", "cpu_percent")
MAX_LABEL = 24  # characters
AT_ONE_LEVEL = ("tokens_per_s", "rss_per_stream_kib", "cpu_us_per_token")


def pair(view: View) -> list[Chart]:
    """Return latency and cost of each client: the latency with its threshold, the tokens per second, memory, CPU.

    Where there are several levels, they have the level from which on more streams bring hardly more.
    """
    summaries = [s for s in view.by_level if not s.client.control]
    latency, budget = _objective(view)
    if not view.sweeps:
        ranks = [latency.rank] if latency.rank == 50 else [50, latency.rank]
        columns = [column(latency.metric.column(rank)) for rank in ranks if rank in latency.metric.ranks]
        charts = [_dots(latency.metric, columns, summaries, view.styles, budget)]
        of = [column(name) for name in AT_ONE_LEVEL]
        charts += [_dots(each.metric, [each], summaries, view.styles) for each in of]
    else:
        knees = [_knee(finding, view.styles) for finding in view.of(Saturates)]
        knees += dict.fromkeys(
            Knee(one.holds, _limit(one.limit), "--ink") for one in view.of(Carries) if one.holds and one.fails
        )
        charts = [_curve(latency, summaries, view.styles, budget, knees)]
        for name in OVER_LEVELS:
            marked = knees if name == "tokens_per_s" else ()
            charts.append(_curve(column(name), summaries, view.styles, None, marked))
        charts[-1] = charts[-1] and replace(charts[-1], unit=_("% of one core"))
    order = (0, 2, 1, 3)  # latency beside cost
    return [chart for place in order if (chart := charts[place]) is not None]


def latencies(summaries: Sequence[Summary], styles: Styles) -> list[Chart]:
    """Return the charts of latencies; without a common clock, those of the relative lag in place of the lag."""
    absolute = any(s.value(lag.column(50)) is not None for s in summaries)
    found = _side_by_side([m for m in metrics() if m.topic != "cost" and m.drawn], summaries)
    return _charts([relative_lag if m is lag and not absolute else m for m in found], summaries, styles)


def _side_by_side(found: Sequence[Metric], summaries: Sequence[Summary]) -> list[Metric]:
    """Return the latencies from the schedule before those from the start; over several levels one chart has both."""
    if not any(s.level.rate for s in summaries):
        return list(found)
    scheduled = {m.key.removesuffix(SCHEDULED): m for m in found if m.key.endswith(SCHEDULED)}
    both = len({s.level for s in summaries}) > 1
    pairs = [
        [scheduled[m.key], *([] if both else [m])] if m.key in scheduled else [m]
        for m in found
        if m not in scheduled.values()
    ]
    return [m for pair in pairs for m in pair]


def goodput(view: View) -> list[Chart]:
    """Return the share of good streams, with the threshold on it, and how many there are per second."""
    summaries = [s for s in view.by_level if not s.client.control]
    required = [of.value for of in view.of(ThresholdFinding) if of.metric == "good_percent"]
    charts = []
    for name, budget in (("good_percent", max(required, default=None)), ("goodput_per_s", None)):
        of = column(name)
        made = (
            _curve(of, summaries, view.styles, budget)
            if view.sweeps
            else _dots(of.metric, [of], summaries, view.styles, budget)
        )
        charts += [made] if made else []
    return charts


def costs(summaries: Sequence[Summary], styles: Styles) -> list[Chart]:
    """Return the charts of what the client used."""
    return _charts([m for m in metrics() if m.topic == "cost" and m.drawn], summaries, styles)


def _objective(view: View) -> tuple[Column, float | None]:
    """Return the latency to draw, and what the scenario requires of it, or of the TTFT of each stream."""
    for finding in view.of(ThresholdFinding):
        of = column(finding.metric)
        if of.metric.kind == "latency" and any(s.value(of.name) is not None for s in view.summaries):
            return of, finding.value
    enough = (name for name in LATENCIES if all(s.value(name) is not None for s in view.summaries))
    slo = view.run.info.scenario.workload.slo
    limits = {slo.of(s.client).ttft_ms for s in view.summaries}
    return column(next(enough, "ttft_p50_ms")), limits.pop() if len(limits) == 1 else None


def _knee(finding: Saturates, styles: Styles) -> Knee:
    style = styles.get(finding.client) if finding.client else None
    return Knee(finding.below, _limit(finding.limit), style.variable if style else "--ink")


def _limit(limit: Limit | None) -> str:
    """Return what is written where no more can be had."""
    texts: Mapping[Limit | None, str] = {
        Limit.SERVER: _("server saturated"), Limit.CLIENT: _("client’s limit"),
        Limit.SIMULATOR: _("simulator’s limit"), Limit.MACHINE: _("machine’s limit"), None: _("queue grows"),
    }  # fmt: skip
    return texts[limit]


def _charts(found: Sequence[Metric], summaries: Sequence[Summary], styles: Styles) -> list[Chart]:
    drawn = [(m, [column(m.column(rank)) for rank in (lag if m is relative_lag else m).drawn]) for m in found]
    if len({s.level for s in summaries}) > 1:
        charts = [_curve(each, summaries, styles) for _metric, columns in drawn for each in columns]
    else:
        charts = [_dots(metric, columns, summaries, styles) for metric, columns in drawn]
    return [chart for chart in charts if chart is not None]


def from_start(of: Column) -> Column | None:
    """Return the same latency from the start of the stream, of one that is from the schedule."""
    key = of.metric.key
    return column(of.name.replace(SCHEDULED, "")) if key.endswith(SCHEDULED) else None


def _point(column: Column, summary: Summary, before: str = "") -> Point | None:
    of = shown(column, summary[column.name])
    if of.low is None and (over := effects.never_negative(rounds.values(summary, column.name).values())):
        of = Estimate(of.value, scaled(column, over.low), scaled(column, over.high))
    return point(summary.level, of, unit_of(column.metric), summary.validity, before)


def _curve(
    column: Column,
    summaries: Sequence[Summary],
    styles: Styles,
    budget: float | None = None,
    knees: Sequence[Knee] = (),
) -> Chart | None:
    ordered = sorted(summaries, key=lambda s: s.level)
    lines, title, unit = [], column_title(column), unit_of(column.metric)
    for client, style in styles.items():
        own = [s for s in ordered if s.client == client]
        if started := from_start(column):
            label, before = _("{client} from the start").format(client=style.label), _("from the start: ")
            points = [p for s in own if (p := _point(started, s, before))]
            lines.append(Line(style, label, points, style.dash, faint=True))
            title = _("{title} (hollow: from the start)").format(title=column_title(column))
        if points := [p for s in own if (p := _point(column, s))]:
            lines.append(Line(style, style.label, points, style.dash))
    if not any(line.points for line in lines if not line.faint):
        return None
    return line_chart(title, unit, lines, whole=column.whole, budget=budget, knees=knees)


def _dots(
    metric: Metric,
    columns: Sequence[Column],
    summaries: Sequence[Summary],
    styles: Styles,
    budget: float | None = None,
) -> Chart | None:
    """Return a row for each client; of several percentiles, a line from the lowest to the highest."""
    unit, pair = unit_of(metric), len(columns) > 1
    ranks = [rank_of(column) if pair else "" for column in columns]
    rows = []
    for s in summaries:
        points = [(rank, _point(of, s, rank and f"{rank} ")) for rank, of in zip(ranks, columns, strict=True)]
        rows.append((styles[s.client], [(rank, point) for rank, point in points if point]))
    values = [point.value for _, here in rows for _, point in here]
    if not values:
        return None
    x = axis([*values, *([] if budget is None else [budget])], unit, whole=metric.decimals == 0)
    if not x.log:  # room for half a mark at 0
        x = replace(x, start=x.start - 0.015 * (x.end - x.start))
    room = 92 if pair else 54
    labels = [plain(s.label if len(s.label) <= MAX_LABEL else s.short, MAX_LABEL) for s, _here in rows]
    made, tops = row_plot(labels, x, room, grid="xy" if x.log and not pair else "x")
    if budget is not None:
        ends_at = {"x": [budget], "low": [0.4], "high": [len(rows) + 0.6]}
        draw(
            made,
            Segment(x0="x", y0="low", x1="x", y1="high", line_width=1.5, line_dash="dotted"),
            ends_at,
            "--ink",
        )
    drawn, marks, words = [], [], []
    for place, (style, here) in zip(tops, rows, strict=True):
        own = [point.value for _, point in here]
        text = " – ".join(map(number, own)) or number(None)
        if pair and len(here) == 1:
            text = f"{here[0][0]} {text}"
        words.append(f"{style.label} {text}")
        marks.append(Mark(text, "--ink", tops[place]))
        if not here:
            continue
        if len(here) > 1 or not (pair or x.log):
            stem = {"x0": [own[0] if len(here) > 1 else x.start], "x1": own[-1:], "y": [place]}
            weight = 0.9 if len(here) > 1 else 0.4
            draw(made, across(line_width=2, line_alpha=weight), stem, style.variable)
        names = {"y": [place] * len(here), "client": [style.label] * len(here)}
        data = {"x": own, **names, "text": [point.text for _, point in here]}
        drawn.append(draw(made, Scatter(x="x", y="y", size=9, marker=style.marker), data, style.variable))
    hover(made, drawn, [("", "@client"), ("", "@text")])
    title = title_of(metric) + (f", {ranks[0]} – {ranks[-1]}" if pair else "")
    return Chart(
        title,
        unit,
        made,
        _("{title} in {unit}. {values}.").format(title=title, unit=unit, values=clauses(words)),
        tuple(marks),
        room,
    )
