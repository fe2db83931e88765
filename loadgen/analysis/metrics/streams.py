"""How many streams there were, how they ended, and how many were in flight."""

from __future__ import annotations

from loadgen.analysis.metrics.metric import VALUE, Metric, Repeats, Scalar
from loadgen.analysis.metrics.usage import largest


def _streams(repeats: Repeats) -> int:
    return sum(int(m.after_warmup.sum()) for m in repeats.all_parts)


def _ok(repeats: Repeats) -> int:
    return sum(int(m.included.sum()) for m in repeats.all_parts)


def _errors(repeats: Repeats) -> int:
    return sum(int((m.after_warmup & m.failed).sum()) for m in repeats.all_parts)


def _errors_share(repeats: Repeats) -> float | None:
    streams = _streams(repeats)
    return _errors(repeats) / streams if streams else None


def _live_peak(repeats: Repeats) -> int | None:
    return largest(repeat.live_peak for repeat in repeats.included)


def _live_mean(repeats: Repeats) -> float | None:
    if any(m.recording.workload.load.stages for m in repeats.parts):
        return None  # a ramp has no level that a mean could be held against
    means = [mean for repeat in repeats.included if (mean := repeat.live_mean) is not None]
    return sum(means) / len(means) if means else None


def _startup_streams(repeats: Repeats) -> int:
    return sum(int((~m.after_warmup).sum()) for m in repeats.parts)


STREAMS = Metric(
    key="streams",
    label="streams",
    unit="",
    better=None,
    description="Streams due after the warm-up, of all repeats.",
    formula=Scalar(_streams),
    topic="streams",
    decimals=0,
    short={None: 18},
)

OK = Metric(
    key="ok",
    label="ok",
    unit="",
    better=None,
    description="Those of `streams` that completed: the protocol's own end arrived.",
    formula=Scalar(_ok),
    topic="streams",
    decimals=0,
    tabled=VALUE,
    short={None: 13},
)

ERRORS = Metric(
    key="errors",
    label="errors",
    unit="",
    description="Those of `streams` that failed; streams that the load itself stopped are neither ok nor errors. "
    "In a threshold, the percentage of `streams`: `errors < 1%`.",
    formula=Scalar(_errors),
    topic="streams",
    decimals=0,
    tabled=VALUE,
    short={None: 3},
)

ERRORS_SHARE = Metric(
    key="errors_share",
    label="errors",
    unit="share",
    description="`errors` divided by `streams`, 0 to 1.",
    formula=Scalar(_errors_share),
    topic="streams",
    kind="share",
    compared=VALUE,
)

LIVE_PEAK = Metric(
    key="live_peak",
    label="peak in flight",
    unit="streams",
    better=None,
    description="Most streams in flight at once, within the measured window.",
    formula=Scalar(_live_peak),
    topic="cost",
    decimals=0,
    tabled=VALUE,
    short={None: 19},
    heading="in flight",
)

LIVE_MEAN = Metric(
    key="live_mean",
    label="mean in flight",
    unit="streams",
    better=None,
    description="Streams in flight, averaged over the measured window; empty for a load of stages.",
    formula=Scalar(_live_mean),
    topic="cost",
    tabled=VALUE,
)

STARTUP_STREAMS = Metric(
    key="startup_streams",
    label="streams in the warm-up",
    unit="",
    better=None,
    description="Streams due in the warm-up. They count only for `startup_ttft_*`.",
    formula=Scalar(_startup_streams),
    topic="streams",
    decimals=0,
)
