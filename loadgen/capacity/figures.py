"""The figures of a cell that a search is about: drawn over the level, and in the table of cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from loadgen.analysis.metrics import column
from loadgen.capacity.loads import Goal
from loadgen.capacity.objectives import GOOD, ServerObjectives
from loadgen.capacity.readings import Reading
from loadgen.model import ClientId
from loadgen.report.columns import column_title, narrow, unit_of
from loadgen.report.language import _
from loadgen.report.text import number, percent


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: its title and unit, the bound that it must keep, and its value in a cell.

    ``narrow`` is its heading in a narrow table, on two lines; empty where such a table leaves it out.
    """

    title: str
    unit: str
    bound: float | None
    of: Callable[[Reading], float | None]
    narrow: tuple[str, str] = ("", "")

    @property
    def heading(self) -> str:
        """Return the heading of its column."""
        named = not self.unit or self.unit in self.title.lower()
        return self.title if named else _("{metric}, {unit}").format(metric=self.title, unit=self.unit)

    def text(self, reading: Reading) -> str:
        """Return the value as text."""
        value = self.of(reading)
        return percent(value / 100) if self.unit == "%" and value is not None else number(value)


def figures(goal: Goal, ttft_one_stream_ms: Mapping[ClientId, float]) -> list[Figure]:
    """Return those that decide the search; where it is for a server, tokens per second first."""

    def times(reading: Reading) -> float | None:
        alone = ttft_one_stream_ms.get(reading.client)
        return reading.ttft_p50_ms / alone if reading.ttft_p50_ms and alone else None

    if isinstance(goal, ServerObjectives):
        asked = {each.metric: each.value for each in goal.thresholds}
        errors = asked.pop("errors", None)
        good = [_metric("goodput_per_s", None)] if GOOD in asked else []
        found = [
            _metric("tokens_per_s", None),
            *good,
            *(_metric(name, bound) for name, bound in asked.items()),
        ]
    else:
        errors = 100 * goal.errors if goal.errors else None
        found = [
            Figure(
                _("Delivery lag p99"), "ms", goal.lag_p99_ms, lambda r: r.lag_p99_ms, (_("lag"), _("p99 ms"))
            ),
            Figure(_("TTFT p50 over that of one stream"), _("times"), goal.ttft, times),
        ]
    return [*found, Figure(_("Failed streams"), "%", errors, _percent_failed, ("", _("errors")))]


def _metric(name: str, bound: float | None) -> Figure:
    of = column(name)
    above, below = narrow(of)
    return Figure(column_title(of), unit_of(of.metric), bound, lambda r: r.figures.get(name), (above, below))


def _percent_failed(reading: Reading) -> float | None:
    return None if reading.errors is None else 100 * reading.errors
