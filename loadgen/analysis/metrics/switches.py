"""Context switches per token, summed over all threads of the engine process."""

from __future__ import annotations

from loadgen.analysis.metrics import VALUE, Repeats
from loadgen.analysis.metrics.usage import cost, per_token


def _voluntary(repeats: Repeats) -> float | None:
    return per_token(repeats, lambda sample: sample.voluntary)


def _involuntary(repeats: Repeats) -> float | None:
    return per_token(repeats, lambda sample: sample.involuntary)


@cost(
    label="voluntary context switches per token",
    unit="switches",
    kind="switches",
    tabled=VALUE,
    heading="voluntary",
)
def voluntary_switches_per_token(repeats: Repeats) -> float | None:
    """Context switches because a thread waited, within the measured window, divided by its tokens."""
    return _voluntary(repeats)


@cost(
    label="involuntary context switches per token",
    unit="switches",
    kind="switches",
    tabled=VALUE,
    heading="involuntary",
)
def involuntary_switches_per_token(repeats: Repeats) -> float | None:
    """Context switches because a thread was preempted, within the measured window, divided by its tokens."""
    return _involuntary(repeats)


@cost(
    label="context switches per token", unit="switches", kind="switches", compared=VALUE, drawn=VALUE, short={None: 8},
    heading="switches/token",
)  # fmt: skip
def switches_per_token(repeats: Repeats) -> float | None:
    """Voluntary and involuntary context switches per token together; empty if one is not measured."""
    voluntary, involuntary = _voluntary(repeats), _involuntary(repeats)
    return None if voluntary is None or involuntary is None else voluntary + involuntary
