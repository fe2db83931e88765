"""How many streams there were, how they ended, and how many were in flight."""

from __future__ import annotations

from functools import partial

from loadgen.analysis.metrics import VALUE, Repeats, Scalar, metric
from loadgen.analysis.metrics.usage import cost, largest

number = partial(metric, Scalar, topic="streams", unit="", better=None, decimals=0)


def _streams(repeats: Repeats) -> int:
    return sum(int(m.after_warmup.sum()) for m in repeats.all_parts)


def _errors(repeats: Repeats) -> int:
    return sum(int((m.after_warmup & m.failed).sum()) for m in repeats.all_parts)


@number(label="streams", short={None: 180})
def streams(repeats: Repeats) -> int:
    """Streams due after the warm-up, of all repeats."""
    return _streams(repeats)


@number(label="ok", tabled=VALUE, short={None: 130})
def ok(repeats: Repeats) -> int:
    """The `streams` that completed: the protocol's own end arrived."""
    return sum(int(m.included.sum()) for m in repeats.all_parts)


@number(label="errors", better="lower", tabled=VALUE, short={None: 30})
def errors(repeats: Repeats) -> int:
    """The `streams` that failed; streams that the load itself stopped are neither ok nor errors. In a threshold,
    the percentage of `streams`: `errors < 1%`.
    """
    return _errors(repeats)


@metric(Scalar, label="errors", unit="share", topic="streams", kind="share", compared=VALUE)
def errors_share(repeats: Repeats) -> float | None:
    """`errors` divided by `streams`, 0 to 1."""
    number = _streams(repeats)
    return _errors(repeats) / number if number else None


@metric(Scalar, label="wait after failures", unit="s", topic="streams", better="lower")
def failure_wait_s(repeats: Repeats) -> float:
    """How long slots waited after `errors` before their next stream, summed over slots and repeats: after each further
    failure in a row twice as long, from 0.25 to 8 s.
    """
    return sum(m.failure_wait_ns for m in repeats.all_parts) / 1e9


@cost(
    label="peak in flight", unit="streams", better=None, decimals=0, tabled=VALUE, short={None: 190},
    heading="in flight",
)  # fmt: skip
def live_peak(repeats: Repeats) -> int | None:
    """Most streams in flight at once, within the measured window."""
    return largest(repeat.live_peak for repeat in repeats.included)


@cost(label="mean in flight", unit="streams", better=None, tabled=VALUE)
def live_mean(repeats: Repeats) -> float | None:
    """Streams in flight, averaged over the measured window; empty for a load of stages."""
    if any(m.recording.workload.load.is_staged for m in repeats.parts):
        return None  # a ramp has no level that a mean could be held against
    means = [mean for repeat in repeats.included if (mean := repeat.live_mean) is not None]
    return sum(means) / len(means) if means else None


@number(label="streams in the warm-up")
def startup_streams(repeats: Repeats) -> int:
    """Streams due in the warm-up. They count only for `startup_ttft_*`."""
    return sum(int((~m.after_warmup).sum()) for m in repeats.parts)
