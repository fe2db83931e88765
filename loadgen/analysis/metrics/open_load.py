"""What an open load asked for, what became of it, and latencies from the schedule. Closed loops have none of it.

The measured window begins after the warm-up and ends where no more arrivals are due. Rates count what falls within it:
with a server that keeps up, all of them are equal but for the streams that are open at its edges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from loadgen.analysis import backlog
from loadgen.analysis.measures import Flags, Ints, Measured
from loadgen.analysis.metrics import VALUE, PerStream, Repeats, Scalar, metric
from loadgen.analysis.metrics.latency import latency
from loadgen.analysis.repeats import Repeat

per_s = partial(metric, Scalar, needs="rate", topic="streams", unit="per s", kind="rate", tabled=VALUE)


def within(m: Measured, marks: Ints) -> Flags:
    """Return which of the marks lie within the measured window."""
    begin, end = m.recording.window
    return (marks >= begin) & (marks < end)


def rate(repeats: Sequence[Repeat], counted: Callable[[Measured], Flags], others: int = 0) -> float | None:
    """Return how many streams, and ``others``, count in each second of the windows; ``None`` in a closed loop."""
    seconds = sum(end - begin for begin, end in (repeat.window for repeat in repeats)) / 1e9
    if not seconds or not all(repeat.is_open for repeat in repeats):
        return None
    return (sum(int(counted(m).sum()) for repeat in repeats for m in repeat.parts) + others) / seconds


@per_s(label="offered", better=None, short={None: 38})
def offered_per_s(repeats: Repeats) -> float | None:
    """Arrivals due within the measured window, divided by its length: what the schedule asked for, started or not."""
    never = sum(repeat.not_started for repeat in repeats.included)
    return rate(repeats.included, lambda m: within(m, m.streams.due), never)


@per_s(label="started", better="higher")
def started_per_s(repeats: Repeats) -> float | None:
    """Streams that the client started within the measured window, whenever they were due, divided by its length."""
    return rate(repeats.included, lambda m: within(m, m.streams.start))


@per_s(
    label="completed", better="higher", compared=VALUE, drawn=VALUE, short={None: 12},
    headline={None: (0, "", "done/s")},
)  # fmt: skip
def completed_per_s(repeats: Repeats) -> float | None:
    """Streams that ended ok within the measured window, whenever they were due, divided by its length. What is still
    open at the window's end counts for latencies, and not here.
    """
    return rate(repeats.included, lambda m: m.ok & within(m, m.streams.end))


@per_s(label="held back", better="lower", short={None: 34})
def held_back_per_s(repeats: Repeats) -> float | None:
    """Arrivals due within the measured window that started later because `load.max_streams` were open, divided by its
    length.
    """
    return rate(repeats.included, lambda m: within(m, m.streams.due) & (m.streams.held_ns > 0))


@per_s(label="never started", better="lower")
def not_started_per_s(repeats: Repeats) -> float | None:
    """Arrivals due within the measured window that had not started when the load ended, divided by its length. They
    have no latency, so those from the schedule are too low where there are any.
    """
    return rate(repeats.included, lambda m: m.scheduled & False, sum(r.not_started for r in repeats.included))


@per_s(label="backlog growth", better="lower")
def backlog_growth_per_s(repeats: Repeats) -> float | None:
    """By how many streams per second those that are due and have not ended became more: a queue that grows. 0 where
    that is not certain: in the last three quarters of the window, `3 * sqrt(2 * n)` more have to come than leave, of
    `n`, and the total from the schedule has to rise (Mann-Whitney, 1 %).
    """
    found = [one for repeat in repeats.included if (one := backlog.growth(repeat)) is not None]
    return sum(found) / len(found) if found else None


@latency(
    PerStream, needs="rate", label="TTFT from the schedule", percentiles=(50, 90, 95, 99), intervals=(50, 99),
    compared=(50, 99), primary=(50,), drawn=(50, 99), tabled=(50, 90, 99), short={50: 5, 99: 15},
    heading="sched.", headline={50: (0, "scheduled (ms)", "p50"), 95: (0, "scheduled (ms)", "p95")},
)  # fmt: skip
def ttft_corrected(m: Measured) -> Ints:
    """Time to first token from when the schedule wanted the stream, so what a user would have felt: the TTFT, and
    before it the time that the arrival was `held` and the `start_delay`. Free of coordinated omission.
    """
    return m.ttft_corrected


@latency(
    PerStream, needs="rate", label="total from the schedule", percentiles=(50, 90, 95, 99), intervals=(50,),
    drawn=(50, 99), tabled=(50, 99),
)  # fmt: skip
def total_corrected(m: Measured) -> Ints:
    """From when the schedule wanted the stream to the protocol's end: the total, `held` and `start_delay`."""
    return m.total_corrected


@latency(PerStream, needs="rate", label="time held back", percentiles=(50, 90, 95, 99), tabled=(99,))
def held(m: Measured) -> Ints:
    """How long an arrival waited because `load.max_streams` were open; 0 for one that did not."""
    return m.held
