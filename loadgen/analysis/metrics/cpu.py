"""CPU time of the engine process, and how long it waited for a core."""

from __future__ import annotations

from functools import partial

import numpy as np

from loadgen.analysis.measures import Measured
from loadgen.analysis.metrics import VALUE, Repeats
from loadgen.analysis.metrics.usage import cost, growth, per_token, percent_of_time
from loadgen.model import Sample

SECOND_NS = 1_000_000_000


def _cpu_ns(sample: Sample) -> int | None:
    return sample.cpu_ns


@cost(label="CPU time", unit="s", kind="cpu")
def cpu_s(repeats: Repeats) -> float | None:
    """CPU time of all threads of the engine process within the measured windows."""
    ns, *_ = growth(repeats, _cpu_ns)
    return None if ns is None else ns / 1e9


@cost(
    label="CPU per token", unit="µs", kind="cpu", compared=VALUE, primary=VALUE, drawn=VALUE, tabled=VALUE,
    short={None: 80}, heading="CPU µs/token",
    headline={None: (8, "CPU", "µs/tok")},
)  # fmt: skip
def cpu_us_per_token(repeats: Repeats) -> float | None:
    """CPU time within the measured window, divided by the tokens that arrived in it."""
    ns = per_token(repeats, _cpu_ns)
    return None if ns is None else ns / 1e3


@cost(label="CPU", unit="%", kind="cpu", live=VALUE, tabled=VALUE, heading="% of a core")
def cpu_percent(repeats: Repeats) -> float | None:
    """CPU time divided by the length of the measured window; 100 is one core."""
    return percent_of_time(repeats, _cpu_ns)


@cost(label="share of its cores", unit="share", kind="share")
def cpu_share(repeats: Repeats) -> float | None:
    """CPU time divided by the length of the measured window and the engine's cores, 0 to 1."""
    machines = (
        [machine for m in each.parts if (machine := m.recording.machine)] for each in repeats.included
    )
    cores = max((sum(machine.engine_cores or 1 for machine in of) for of in machines), default=0)
    percent = percent_of_time(repeats, _cpu_ns)
    return percent / 100 / cores if percent is not None and cores else None


@cost(label="waiting for CPU", unit="%", tabled=VALUE, heading="% waiting")
def run_wait_percent(repeats: Repeats) -> float | None:
    """Time that threads were runnable but not running, summed over threads, divided by the length of the measured
    window.
    """
    return percent_of_time(repeats, lambda sample: sample.run_wait_ns)


@cost(label="CPU in the busiest second", unit="%", kind="cpu")
def cpu_busiest_second_percent(repeats: Repeats) -> float | None:
    """CPU time of the engine process in the busiest second while streams were open; 100 is one core. The busiest
    worker's, where there are several.
    """
    found = (m.recording.shelf.get("busiest second", partial(_busiest_second, m)) for m in repeats.parts)
    return max((busy for busy in found if busy is not None), default=None)


def _busiest_second(m: Measured) -> float | None:
    """Return percent of a core; ``None`` without samples, and where streams were open for less than a second."""
    tables = (m.recording.cpu_samples, m.recording.samples)
    known = next((table.rows(table.cpu_ns >= 0) for table in tables if (table.cpu_ns >= 0).sum() > 1), None)
    if known is None or not len(m.streams):
        return None
    at, cpu = known.at, known.cpu_ns
    first, last = max(m.streams.start.min(), at[0]), min(m.streams.end.max(), at[-1])
    if last - first < SECOND_NS:
        return None
    # the rate changes at samples only, so the busiest second begins or ends at one
    begin = np.concatenate([at, at - SECOND_NS]).clip(first, last - SECOND_NS)
    used = np.interp(begin + SECOND_NS, at, cpu) - np.interp(begin, at, cpu)
    return float(used.max()) / SECOND_NS * 100
