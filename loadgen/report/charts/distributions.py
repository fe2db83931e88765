"""The distributions of TTFT and ITL: every percentile of every client, far into the tail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from bokeh.models import Line
from numpy.typing import NDArray

from loadgen.analysis.measures import present
from loadgen.analysis.repeats import Repeat
from loadgen.model import ClientId
from loadgen.report.charts.axes import LOG_SPAN, Axis, axis
from loadgen.report.charts.style import Chart, draw, hover, plot
from loadgen.report.client_style import Styles
from loadgen.report.columns import is_per_event
from loadgen.report.language import _
from loadgen.report.text import clauses, number

HEIGHT = 250
POINTS = 160
_RANKS = ((0.5, "p50"), (0.1, "p90"), (0.01, "p99"), (0.001, "p99.9"), (0.0001, "p99.99"))
_LEAST_SHARE = 5e-6


def distributions(repeats: Sequence[Repeat], styles: Styles) -> list[Chart]:
    """Return TTFT and ITL, or those of bytes, at one level, pooled over the repeats of each client; at most ``POINTS``
    points a line.
    """
    ttft: dict[ClientId, list[NDArray[np.int64]]] = {}
    gaps: dict[ClientId, list[NDArray[np.int64]]] = {}
    for measured in (part for repeat in repeats for part in repeat.parts):
        client = measured.recording.client
        first, between = (
            (measured.ttft, measured.gaps()) if measured.has_tokens else (measured.ttfb, measured.read_gaps())
        )
        ttft.setdefault(client, []).append(present(first[measured.included]))
        gaps.setdefault(client, []).append(between.values)
    charts = []
    itl = (
        _("Latency between text events (ITL per event)") if is_per_event() else _("Inter-token latency (ITL)")
    )
    titles = (
        (_("Time to first token (TTFT)"), itl)
        if any(part.has_tokens for repeat in repeats for part in repeat.parts)
        else (_("Time to first byte (TTFB)"), _("Gaps between reads"))
    )
    for title, pooled in zip(titles, (ttft, gaps), strict=True):
        values = {label: np.concatenate(parts) for label, parts in pooled.items()}
        for each in values.values():
            each.sort()  # in place: there may be millions
        chart = _chart(title, {label: v for label, v in values.items() if len(v)}, styles)
        if chart:
            charts.append(chart)
    return charts


def _chart(title: str, ordered: Mapping[ClientId, NDArray[np.int64]], styles: Styles) -> Chart | None:
    """Return the chart of these nanoseconds."""
    if not ordered:
        return None
    lines = {label: _line(values) for label, values in ordered.items()}
    # where a client takes several events per read, gaps of 0 would fill a logarithmic axis with nothing
    low = min(float(values[len(values) // 2] / 1e6) for values in ordered.values()) / 10
    high = max(float(values[-1] / 1e6) for values in ordered.values())
    log = low > 0 and high > LOG_SPAN * 10 * low
    least = min(float(values[0] / 1e6) for values in ordered.values())
    x = axis([low if log else least, high], "ms", zero=False, log=log, count=5)
    deepest = max(_LEAST_SHARE, min(float(share[-1]) for _, share in lines.values()))
    shares = {share: rank for share, rank in _RANKS if share >= deepest * 0.9}
    y = Axis(1.0, min(deepest * 0.8, 0.4), True, shares)
    made = plot(x, y, HEIGHT, left=50, right=14, grid="xy")
    drawn = []
    for label, (at, share) in lines.items():
        style = styles[label]
        data = {
            "x": np.maximum(at, x.start).astype(np.float32),
            "y": share.astype(np.float32),
            "text": [
                f"p{100 * (1 - part):.4g}: {number(value)} ms"
                for value, part in zip(at.tolist(), share.tolist(), strict=True)
            ],
            "client": [style.label] * len(at),
        }
        drawn.append(
            draw(made, Line(x="x", y="y", line_width=1.75, line_dash=style.dash), data, style.variable)
        )
    hover(made, drawn, [("", "@client"), ("", "@text")])
    text = _("{client}: half within {half} ms, slowest {slowest} ms, n = {n}")
    words = clauses(
        text.format(
            client=styles[label].label,
            half=number(float(values[(len(values) - 1) // 2] / 1e6)),
            slowest=number(float(values[-1] / 1e6)),
            n=f"{len(values):,}",
        )
        for label, values in ordered.items()
    )
    alternative = _("Distribution of {title} as percentiles. {values}.").format(title=title, values=words)
    return Chart(title, "ms", made, alternative)


def _line(ordered: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return values in ms and, for each, the share of all that are at least as large; both tails are kept."""
    n = len(ordered)
    even = np.linspace(0, n - 1, POINTS // 2)
    tail = n - np.geomspace(1, n, POINTS // 2)
    ranks = np.unique(np.concatenate([even, tail]).round().astype(np.int64).clip(0, n - 1))
    return ordered[ranks] / 1e6, np.maximum((n - ranks) / n, _LEAST_SHARE)
