"""The claims with their pictures: a forest plot for each figure that decides, in its own units.

Places are percentages of a plot's width, so that the page can be of any.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loadgen.report.charts import axes
from loadgen.report.charts.axes import Axis
from loadgen.report.text import figure, plain

if TYPE_CHECKING:
    from loadgen.model import Effect

LABEL = 80
STATEMENT = 2000
FAR_TIMES = 4.0  # how far beyond all values the axis follows an interval: so many times on a logarithmic one,
FAR_SHARE = 0.5  # this share of their range on a linear one
FEW_TICKS = 3
HOLDS = {True: "holds", False: "contradicts"}


@dataclass(frozen=True, slots=True)
class Row:
    """One effect. ``says`` is ``holds``, ``contradicts``, ``spans``, ``alone`` (no interval) or ``quiet`` (it decides
    nothing); ``cut`` says at which ends the interval goes on beyond the picture."""

    label: str
    value: str
    between: str
    says: str
    note: str
    dot: float | None
    bar: tuple[float, float] | None
    cut: tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class Picture:
    """The effects of one figure on one axis; ``tint`` is the side of the line that speaks for the claim, ``notes``
    are those of single rows."""

    title: str
    unit: str
    decides: str
    line: float
    tint: tuple[float, float]
    ticks: tuple[tuple[float, str], ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    alternative: str


def pictures(effects: Sequence[Effect]) -> Iterable[Picture]:
    """One for each figure that decides."""
    for title, group in figures(effects):
        first = next((effect for _, effect in group if effect.line is not None), None)
        if first is not None and first.line is not None:
            yield _picture(title, first.unit, first.line, first.above, group)


def figures(effects: Sequence[Effect]) -> Iterable[tuple[str, list[tuple[str, Effect]]]]:
    """Every figure with its effects, each by whose it is; shares as percentages."""
    groups: dict[tuple[str, str], list[tuple[str, Effect]]] = {}
    for effect in map(_scaled, effects):
        title, label = _named(effect)
        groups.setdefault((title, effect.unit), []).append((label, effect))
    for (title, _), group in groups.items():
        yield _together(title, group)


def axis_of(effects: Sequence[Effect], marks: Sequence[float], *, log: bool) -> Axis:
    """An axis that holds all values and ``marks``, and of their intervals as much as leaves those readable."""
    values = [*marks, *(e.value for e in effects if e.value is not None and math.isfinite(e.value))]
    bounds = [b for e in effects for b in (e.low, e.high) if b is not None and math.isfinite(b)]
    if log:
        values, bounds = ([v for v in of if v > 0] for of in (values, bounds))
        low, high = min(values) / FAR_TIMES, max(values) * FAR_TIMES
    else:
        values.append(0.0)
        far = FAR_SHARE * ((max(values) - min(values)) or 1.0)
        low, high = min(values) - far, max(values) + far
    return axes.axis([*values, *(min(max(bound, low), high) for bound in bounds)], log=log)


def place(axis: Axis, value: float) -> float:
    """Percent of the width, 0 and 100 beyond the ends."""
    if axis.log:
        if value <= 0:
            return 0.0
        share = math.log(value / axis.start) / math.log(axis.end / axis.start)
    else:
        share = (value - axis.start) / (axis.end - axis.start)
    return round(100 * min(max(share, 0.0), 1.0), 2)


def ticks(axis: Axis) -> tuple[tuple[float, str], ...]:
    """Where each tick stands, and its label; evenly apart where a logarithmic axis would have hardly any."""
    if axis.log and len(axis.ticks) < FEW_TICKS:
        even = axes.axis([axis.start, axis.end], zero=False, log=False, count=3)
        return tuple((place(axis, at), even.labels[at]) for at in even.ticks if axis.start < at < axis.end)
    return tuple((place(axis, at), axis.labels[at]) for at in axis.ticks)


def row(label: str, effect: Effect, axis: Axis) -> Row:
    """An effect on its axis."""
    dot = None if effect.value is None else place(axis, effect.value)
    bar, cut, between = None, (False, False), ""
    if effect.low is not None and effect.high is not None:
        bar = place(axis, effect.low), place(axis, effect.high)
        cut = effect.low < axis.start, effect.high > axis.end
        between = f"{figure(effect.low)} to {figure(effect.high)}"
    return Row(
        label=plain(label, LABEL),
        value=figure(effect.value),
        between=between,
        says=says(effect),
        note=plain(effect.note, STATEMENT),
        dot=dot,
        bar=bar,
        cut=cut,
    )


def says(effect: Effect) -> str:
    """What an effect says of the line that decides."""
    if effect.line is None:
        return "quiet"
    if effect.holds is not None:
        return HOLDS[effect.holds]
    return "alone" if effect.low is None else "spans"


def _picture(title: str, unit: str, line: float, above: bool, group: Sequence[tuple[str, Effect]]) -> Picture:
    log = unit == "times"
    axis = axis_of([effect for _, effect in group], [line, *([1.0] if log else [])], log=log)
    at = place(axis, line)
    rows = tuple(row(label, effect, axis) for label, effect in group if effect.line is not None)
    decides = f"{'more' if above else 'less'} than {line:g} speaks for it"
    notes: dict[str, list[str]] = {}
    for r in rows:
        notes.setdefault(r.note, []).append(r.label)
    if len(notes) == 1 and "" not in notes:
        decides = f"{decides}; {rows[0].note}"
        notes = {}
    words = "; ".join(
        f"{r.label} {r.value}{f' ({r.between})' if r.between else ''}, {_SAID[r.says]}" for r in rows
    )
    return Picture(
        title=plain(title, LABEL),
        unit=unit,
        decides=decides,
        line=at,
        tint=(at, 100.0) if above else (0.0, at),
        ticks=ticks(axis),
        rows=rows,
        notes=tuple(f"{', '.join(of)}: {note}" for note, of in notes.items() if note),
        alternative=f"{plain(title, LABEL)}, {unit}, {decides}: {words}",
    )


_SAID = {
    "holds": "holds",
    "contradicts": "contradicts it",
    "spans": "cannot tell",
    "alone": "measured once",
    "quiet": "",
}


def _scaled(effect: Effect) -> Effect:
    """Shares as percentages."""
    if effect.unit != "share":
        return effect
    value, low, high, line = (
        None if v is None else 100 * v for v in (effect.value, effect.low, effect.high, effect.line)
    )
    return replace(effect, unit="%", value=value, low=low, high=high, line=line)


def _together(title: str, group: Sequence[tuple[str, Effect]]) -> tuple[str, list[tuple[str, Effect]]]:
    """Where all was measured goes into the title, and a ratio becomes short."""
    places = {label.rpartition(", ")[2] for label, effect in group if effect.line is not None}
    at = places.pop() if len(places) == 1 else ""
    if not at.startswith("at "):
        at = ""
    short = (
        label.removesuffix(f", {at}").removesuffix(at).replace(" as a multiple of ", " ÷ ")
        for label, _ in group
    )
    return f"{title} {at}".strip(), [(label, effect) for label, (_, effect) in zip(short, group, strict=True)]


def _named(effect: Effect) -> tuple[str, str]:
    """What the figure is, and whose."""
    if effect.client and f", {effect.client}" in effect.name:
        return effect.name.replace(f", {effect.client}", "", 1), effect.client
    title, _, label = effect.name.partition(", ")
    return title, label
