"""The server's own metrics over time, below the streams in flight and the TTFT of the same cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from loadgen.analysis import watched
from loadgen.analysis.repeats import Repeat
from loadgen.model import Run
from loadgen.report.charts.style import Chart
from loadgen.report.charts.usage import Line, in_flight, over_time
from loadgen.report.client_style import Styles
from loadgen.report.language import _
from loadgen.report.text import plain

BIN_S = 1.0  # of the TTFT: as long as the time between two readings


class Figure(NamedTuple):
    """How a known figure is drawn."""

    title: str
    unit: str


def figures() -> dict[str, Figure]:
    """Return how each of :data:`loadgen.model.KNOWN` is drawn."""
    return {
        "running": Figure(_("Requests running at the server"), _("requests")),
        "waiting": Figure(_("Requests waiting at the server"), _("requests")),
        "cache": Figure(_("The server’s cache in use"), "%"),
        "gpu": Figure(_("GPU use, mean of all"), "%"),
        "gpu_memory": Figure(_("GPU memory, sum of all"), "GiB"),
        "gpu_power": Figure(_("GPU power, sum of all"), "W"),
        "gpu_clock": Figure(_("GPU clock, mean of all"), "MHz"),
    }


def charts(run: Run, repeats: Sequence[Repeat], styles: Styles) -> list[Chart]:
    """Return the charts of the repeats of one level; none where the server was not watched then."""
    metrics, known = run.info.scenario.target.metrics, figures()
    lines = watched.lines(run.watched, metrics.names if metrics else ())
    kinds: list[tuple[str, str, Callable[[Repeat], Line]]] = []
    for line in lines:
        plain_unit = _("per second") if line.rate else ""
        title, unit = known.get(line.key, Figure(plain(line.key, 60), plain_unit))
        kinds.append((title, unit, partial(_of_server, line)))
    if not any(len(draw(repeat)[0]) for *_title, draw in kinds for repeat in repeats):
        return []
    ours = [(_("Streams open"), _("streams"), in_flight), (_("TTFT, median of each second"), "ms", _ttft)]
    return over_time(repeats, (*ours, *kinds), styles)


def _of_server(line: watched.Line, repeat: Repeat) -> Line:
    return watched.of_recording(line, repeat.recording)


def _ttft(repeat: Repeat) -> Line:
    """Return the median TTFT of the streams that began in each second, at its middle."""
    pieces = [
        ((m.streams.start[m.ttft >= 0] - m.recording.start) / 1e9, m.ttft[m.ttft >= 0] / 1e6)
        for m in repeat.parts
    ]
    at, value = (np.concatenate(each) for each in zip(*pieces, strict=True))
    place = np.floor(at / BIN_S)
    bins = np.unique(place)
    return (bins + 0.5) * BIN_S, np.array([np.median(value[place == each]) for each in bins])
