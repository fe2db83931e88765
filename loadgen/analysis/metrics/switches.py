"""Context switches per token, summed over all threads of the engine process."""

from __future__ import annotations

from loadgen.analysis.metrics.metric import VALUE, Metric, Repeats, Scalar
from loadgen.analysis.metrics.usage import per_token


def _voluntary(repeats: Repeats) -> float | None:
    return per_token(repeats.included, lambda sample: sample.voluntary)


def _involuntary(repeats: Repeats) -> float | None:
    return per_token(repeats.included, lambda sample: sample.involuntary)


def _switches(repeats: Repeats) -> float | None:
    voluntary, involuntary = _voluntary(repeats), _involuntary(repeats)
    return None if voluntary is None or involuntary is None else voluntary + involuntary


VOLUNTARY_SWITCHES_PER_TOKEN = Metric(
    key="voluntary_switches_per_token",
    label="voluntary context switches per token",
    unit="switches",
    description="Context switches because a thread waited, within the measured window, divided by its tokens.",
    formula=Scalar(_voluntary),
    topic="cost",
    tabled=VALUE,
    heading="voluntary",
)

INVOLUNTARY_SWITCHES_PER_TOKEN = Metric(
    key="involuntary_switches_per_token",
    label="involuntary context switches per token",
    unit="switches",
    description="Context switches because a thread was preempted, within the measured window, divided by its tokens.",
    formula=Scalar(_involuntary),
    topic="cost",
    tabled=VALUE,
    heading="involuntary",
)

SWITCHES_PER_TOKEN = Metric(
    key="switches_per_token",
    label="context switches per token",
    unit="switches",
    description="Voluntary and involuntary context switches per token together; empty where one is not measured.",
    formula=Scalar(_switches),
    topic="cost",
    compared=VALUE,
    drawn=VALUE,
    short={None: 8},
    heading="switches/token",
)
