"""Stacked bars: a row for each measurement, divided into parts that have a palette of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bokeh.models import HBar

from loadgen.model import ClientId, DelayFinding, Level, TimeFinding
from loadgen.model import Part as Kind
from loadgen.report.charts.axes import axis
from loadgen.report.charts.style import Chart, Mark, draw, hover, row_plot
from loadgen.report.columns import level_text
from loadgen.report.language import _
from loadgen.report.sentences import delivery_lag as delays
from loadgen.report.sentences import times as english
from loadgen.report.text import beside, clauses, joined, number, percent
from loadgen.report.view import View

ROWS = 24
_ROOM = 58
LEAST_SCALE = 5.0  # percent of all tokens that the axis of late tokens reaches: fewer look as few as they are


@dataclass(frozen=True, slots=True)
class Stack:
    """One bar: its parts from left to right, by name, and what stands at its right."""

    label: str
    parts: Mapping[str, float]
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """A kind of part: what it is called, and the CSS variable of its colour."""

    label: str
    variable: str


def times(view: View, found: Sequence[TimeFinding]) -> list[Chart | None]:
    """Return the charts of the TTFT and the total of all streams, and of the TTFT of the slowest, by part."""

    def chart(title: str, rows: Sequence[tuple[TimeFinding, Mapping[Kind, float]]]) -> Chart | None:
        kinds: Mapping[str, Part] = {
            part: Part(_(text), f"--{part.replace('_', '-')}")
            for part, text in english.PARTS.items()
            if any(part in parts for _of, parts in rows)
        }
        bars = [
            Stack(
                _where(view, of.client, of.level),
                {str(part): ms for part, ms in parts.items()},
                number(sum(parts.values())),
            )
            for of, parts in rows
        ]
        return stacks(title, "ms", bars, kinds)

    return [
        chart(_("TTFT, mean of all streams"), [(of, english.ttft(of.mean)) for of in found]),
        chart(
            _("TTFT, mean of the slowest 5 %"),
            [(of, english.ttft(of.slowest)) for of in found if of.slowest],
        ),
        chart(_("Total, mean of all streams"), [(of, of.mean) for of in found]),
    ]


def late_tokens(view: View, found: Sequence[DelayFinding]) -> Chart | None:
    """Return the chart of late tokens by cause, as shares of all tokens."""
    kinds: Mapping[str, Part] = {
        cause: Part(_(delays.CAUSES[cause]), f"--{cause}") for cause in delays.used(found)
    }
    rows = []
    for of in found:
        share = 100 * of.late / of.tokens
        parts: dict[str, float] = {delay.cause: delay.share * share for delay in of.delays}
        label = _where(view, of.client, of.level)
        rows.append(
            Stack(label, {cause: parts[cause] for cause in kinds if cause in parts}, percent(share / 100))
        )
    return stacks(_("Late tokens, by cause"), _("% of all tokens"), rows, kinds, LEAST_SCALE)


def _where(view: View, client: ClientId | None, level: Level | None) -> str:
    if not view.sweeps or not level:
        return str(client)
    return level_text(level) if view.alone else beside(str(client), level_text(level))


def stacks(
    title: str, unit: str, rows: Sequence[Stack], kinds: Mapping[str, Part], longest: float = 0.0
) -> Chart | None:
    """Return the chart of the last ``ROWS`` rows; ``None`` without any. The axis reaches ``longest`` at least."""
    rows = rows[-ROWS:]
    if not rows:
        return None
    x = axis([longest, *(sum(row.parts.values()) for row in rows)], unit, log=False)
    made, tops = row_plot([row.label for row in rows], x, _ROOM)
    drawn = []
    for kind, part in kinds.items():
        bars: dict[str, list[object]] = {name: [] for name in ("y", "left", "right", "row", "text")}
        for place, row in zip(tops, rows, strict=True):
            names = list(row.parts)
            if not row.parts.get(kind):
                continue
            left = sum(row.parts[name] for name in names[: names.index(kind)])
            text = _("{label}: {value} {unit}").format(
                label=part.label, value=number(row.parts[kind]), unit=unit
            )
            bar = {"y": place, "left": left, "right": left + row.parts[kind], "row": row.label, "text": text}
            for name, value in bar.items():
                bars[name].append(value)
        drawn.append(
            draw(
                made,
                HBar(y="y", left="left", right="right", height=0.66, line_color=None),
                bars,
                part.variable,
            )
        )
    hover(made, drawn, [("", "@row"), ("", "@text")])
    marks = [Mark(row.text, "--ink", top) for row, top in zip(rows, tops.values(), strict=True)]
    words = clauses(
        f"{row.label} {row.text}{_(': ')}"
        + joined(f"{kinds[kind].label} {number(value)}" for kind, value in row.parts.items())
        for row in rows
    )
    key = tuple((part.label, part.variable) for part in kinds.values())
    return Chart(
        title,
        unit,
        made,
        _("{title} in {unit}. {values}.").format(title=title, unit=unit, values=words),
        tuple(marks),
        _ROOM,
        key,
    )
