"""How the columns of the metric table are shown to people: their headings, and their values as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from loadgen.analysis.batches import GROUPED
from loadgen.analysis.metrics import Column, Metric
from loadgen.model import Estimate, Level, Summary
from loadgen.report.language import _, plural
from loadgen.report.text import interval, number

NARROW = 8  # characters of a heading that stay on one line

_grouped = [False]  # the last is the current one, in all threads


@contextmanager
def per_event(tokens: Iterable[float | None]) -> Iterator[None]:
    """Name gaps as those between text events until the block ends, where any of these means ``tokens`` per event."""
    _grouped.append(any(each is not None and each > GROUPED for each in tokens))
    try:
        yield
    finally:
        _grouped.pop()


def is_per_event() -> bool:
    """Return whether gaps are named as those between text events."""
    return _grouped[-1]


def of_summaries(summaries: Iterable[Summary]) -> list[float | None]:
    """Return the tokens per text event of each."""
    return [summary.value("tokens_per_event") for summary in summaries]


def _name(metric: Metric) -> str:
    """Return the metric's label, or the one that it has where text events carry several tokens."""
    return _((is_per_event() and metric.grouped[0]) or metric.label)


def level_text(level: Level) -> str:
    """Return ``100 streams``, or ``2.5 per second``."""
    if level.streams is None:
        return _("{rate} per second").format(rate=f"{level.value:,g}")
    return plural(level.streams, "{n} stream", "{n} streams")


def at(level: Level) -> str:
    """Return ``100 streams at once``, or ``2.5 per second``."""
    text = level_text(level)
    return _("{level} at once").format(level=text) if level.rate is None else text


def where(client: object, level: Level | None) -> str:
    """Return ``aiohttp at 100 streams``; the client alone where there is no one level."""
    return _("{clients} at {level}").format(clients=client, level=level_text(level)) if level else f"{client}"


def label(of: Metric | Column) -> str:
    """Return what people call it: ``memory per stream``, ``TTFT p99``."""
    return _name(of) if isinstance(of, Metric) else f"{_name(of.metric)} {rank_of(of)}".rstrip()


def unit_of(metric: Metric) -> str:
    """Return the unit that values are shown in; shares are percentages."""
    return "%" if metric.unit == "share" else _(metric.unit)


def title_of(metric: Metric) -> str:
    """Return the label with a capital letter: ``Memory per stream``."""
    text = label(metric)
    return text[:1].upper() + text[1:]


def column_title(column: Column) -> str:
    """Return the title of its chart: ``TTFT p99``."""
    return f"{title_of(column.metric)} {rank_of(column)}".strip()


def with_unit(of: Metric | Column) -> str:
    """Return ``memory per stream, KiB`` or ``TTFT p99, ms``: the unit only where the label does not name it."""
    unit = unit_of(of.metric if isinstance(of, Column) else of)
    text = label(of)
    return _("{metric}, {unit}").format(metric=text, unit=unit) if unit and unit not in text else text


def rank_of(column: Column) -> str:
    """Return ``p99``; empty for a metric without percentiles."""
    return "" if column.rank is None else f"p{column.rank}"


def narrow(column: Column) -> tuple[str, str]:
    """Return the heading of a narrow column on two lines, such as ``TTFT`` above ``p99``."""
    metric = column.metric
    text = _((is_per_event() and metric.grouped[1]) or metric.heading or metric.label)
    if column.rank is not None:
        return text, rank_of(column)
    cut = max(text.rfind(" "), text.rfind("/"))
    return ("", text) if len(text) <= NARROW or cut < 0 else (text[:cut], text[cut:].lstrip())


def metric_heading(column: Column) -> tuple[str, str]:
    """Return the heading of a wide column on two lines: the metric with its unit above its percentile, or ``n``."""
    if column.rank is None and column.part == "value":
        return "", with_unit(column)
    return with_unit(column.metric), rank_of(column) or "n"


def scaled(column: Column, value: float | None) -> float | None:
    """Return the value in the unit that it is shown in."""
    return None if value is None else 100 * value if column.metric.unit == "share" else value


def shown(column: Column, found: Estimate) -> Estimate:
    """Return the value and its bounds in the unit that they are shown in."""
    value, low, high = (scaled(column, value) for value in (found.value, found.low, found.high))
    return Estimate(value, low, high)


def interval_text(column: Column, found: Estimate) -> str:
    """Return ``1.2 to 3.4`` in the unit that it is shown in; empty where there is no interval."""
    of = shown(column, found)
    return interval(of.low, of.high, of.value)


def value_text(column: Column, value: float | None) -> str:
    """Return the value without its unit; ``–`` where it was not measured."""
    decimals = column.metric.decimals
    value = scaled(column, value)
    return number(value) if value is None or column.part == "n" or not decimals else f"{value:,.{decimals}f}"
