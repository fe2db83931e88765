"""Context switches per token, summed over all threads of the engine process."""

from __future__ import annotations

from functools import partial

from loadgen.analysis.metrics import VALUE, Repeats
from loadgen.analysis.metrics.usage import cost, per_token

switches = partial(cost, unit="switches", kind="switches")


@switches(label="voluntary context switches per token", tabled=VALUE, heading="voluntary")
def voluntary_switches_per_token(repeats: Repeats) -> float | None:
    """Context switches because a thread waited, within the measured window, divided by its tokens."""
    return per_token(repeats, lambda sample: sample.voluntary)


@switches(label="involuntary context switches per token", tabled=VALUE, heading="involuntary")
def involuntary_switches_per_token(repeats: Repeats) -> float | None:
    """Context switches because a thread was preempted, within the measured window, divided by its tokens."""
    return per_token(repeats, lambda sample: sample.involuntary)


@switches(
    label="context switches per token",
    compared=VALUE,
    drawn=VALUE,
    short={None: 90},
    heading="switches/token",
)
def switches_per_token(repeats: Repeats) -> float | None:
    """Voluntary and involuntary context switches per token together; empty if one is not measured."""
    voluntary = per_token(repeats, lambda sample: sample.voluntary)
    involuntary = per_token(repeats, lambda sample: sample.involuntary)
    return None if voluntary is None or involuntary is None else voluntary + involuntary
