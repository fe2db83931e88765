"""CPU time of the engine process, and how long it waited for a core."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.analysis.metrics.metric import VALUE, Repeats, Scalar, metric
from loadgen.analysis.metrics.usage import growth, per_token, percent_of_time
from loadgen.analysis.repeats import Repeat
from loadgen.model import Sample


def _cpu_ns(sample: Sample) -> int | None:
    return sample.cpu_ns


def _cores(repeats: Iterable[Repeat]) -> int:
    machines = ([machine for m in repeat.parts if (machine := m.recording.machine)] for repeat in repeats)
    return max((sum(machine.engine_cores or 1 for machine in of) for of in machines), default=0)


@metric(Scalar, label="CPU time", unit="s", topic="cost", kind="cpu")
def cpu_s(repeats: Repeats) -> float | None:
    """CPU time of all threads of the engine process within the measured windows."""
    found = growth(repeats.included, _cpu_ns)
    return found.total / 1e9 if found else None


@metric(
    Scalar,
    label="CPU per token",
    unit="µs",
    topic="cost",
    kind="cpu",
    compared=VALUE,
    primary=VALUE,
    drawn=VALUE,
    tabled=VALUE,
    short={None: 7},
    heading="CPU µs/token",
)
def cpu_us_per_token(repeats: Repeats) -> float | None:
    """CPU time within the measured window, divided by the tokens that arrived in it."""
    ns = per_token(repeats.included, _cpu_ns)
    return None if ns is None else ns / 1e3


@metric(
    Scalar,
    label="CPU",
    unit="%",
    topic="cost",
    kind="cpu",
    live=VALUE,
    tabled=VALUE,
    heading="% of a core",
)
def cpu_percent(repeats: Repeats) -> float | None:
    """CPU time divided by the length of the measured window; 100 is one core."""
    return percent_of_time(repeats.included, _cpu_ns)


@metric(Scalar, label="share of its cores", unit="share", topic="cost", kind="share")
def cpu_share(repeats: Repeats) -> float | None:
    """CPU time divided by the length of the measured window and the engine's cores, 0 to 1."""
    percent, cores = percent_of_time(repeats.included, _cpu_ns), _cores(repeats.included)
    return percent / 100 / cores if percent is not None and cores else None


@metric(Scalar, label="waiting for CPU", unit="%", topic="cost", tabled=VALUE, heading="% waiting")
def run_wait_percent(repeats: Repeats) -> float | None:
    """Time that threads were runnable but not running, summed over threads, divided by the length of the measured
    window.
    """
    return percent_of_time(repeats.included, lambda sample: sample.run_wait_ns)
