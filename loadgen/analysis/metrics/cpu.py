"""CPU time of the engine process, and how long it waited for a core."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.analysis.metrics.metric import VALUE, Metric, Repeats, Scalar
from loadgen.analysis.metrics.usage import growth, per_token, percent_of_time
from loadgen.analysis.repeats import Repeat
from loadgen.model import Sample


def _cpu_ns(sample: Sample) -> int | None:
    return sample.cpu_ns


def _cpu_s(repeats: Repeats) -> float | None:
    found = growth(repeats.included, _cpu_ns)
    return found.total / 1e9 if found else None


def _cpu_us_per_token(repeats: Repeats) -> float | None:
    ns = per_token(repeats.included, _cpu_ns)
    return None if ns is None else ns / 1e3


def _cpu_percent(repeats: Repeats) -> float | None:
    return percent_of_time(repeats.included, _cpu_ns)


def _cpu_share(repeats: Repeats) -> float | None:
    percent, cores = _cpu_percent(repeats), _cores(repeats.included)
    return percent / 100 / cores if percent is not None and cores else None


def _run_wait_percent(repeats: Repeats) -> float | None:
    return percent_of_time(repeats.included, lambda sample: sample.run_wait_ns)


def _cores(repeats: Iterable[Repeat]) -> int:
    machines = ([machine for m in repeat.parts if (machine := m.recording.machine)] for repeat in repeats)
    return max((sum(machine.engine_cores or 1 for machine in of) for of in machines), default=0)


CPU_S = Metric(
    key="cpu_s",
    label="CPU time",
    unit="s",
    description="CPU time of all threads of the engine process within the measured windows.",
    formula=Scalar(_cpu_s),
    topic="cost",
    kind="cpu",
)

CPU_US_PER_TOKEN = Metric(
    key="cpu_us_per_token",
    label="CPU per token",
    unit="µs",
    description="CPU time within the measured window, divided by the tokens that arrived in it.",
    formula=Scalar(_cpu_us_per_token),
    topic="cost",
    kind="cpu",
    compared=VALUE,
    primary=VALUE,
    drawn=VALUE,
    tabled=VALUE,
    short={None: 7},
    heading="CPU µs/token",
)

CPU_PERCENT = Metric(
    key="cpu_percent",
    label="CPU",
    unit="%",
    description="CPU time divided by the length of the measured window; 100 is one core.",
    formula=Scalar(_cpu_percent),
    topic="cost",
    kind="cpu",
    live=VALUE,
    tabled=VALUE,
    heading="% of a core",
)

CPU_SHARE = Metric(
    key="cpu_share",
    label="share of its cores",
    unit="share",
    description="CPU time divided by the length of the measured window and the engine's cores, 0 to 1.",
    formula=Scalar(_cpu_share),
    topic="cost",
    kind="share",
)

RUN_WAIT_PERCENT = Metric(
    key="run_wait_percent",
    label="waiting for CPU",
    unit="%",
    description="Time that threads were runnable but not running, summed over threads, divided by the length of "
    "the measured window.",
    formula=Scalar(_run_wait_percent),
    topic="cost",
    tabled=VALUE,
    heading="% waiting",
)
