"""What the protocol ``bytes`` measures in place of tokens: when bytes came, and how many. Empty for any other."""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import Final

from loadgen.analysis.measures import Ints, Measured, Times
from loadgen.analysis.metrics import VALUE, PerStream, PerToken, Repeats, Scalar, metric
from loadgen.analysis.metrics.usage import growth

MIB: Final = 1 << 20
latency = partial(metric, topic="latency", kind="latency", needs="protocol: bytes")
amount = partial(metric, Scalar, needs="protocol: bytes")


@latency(
    PerStream, label="TTFB", percentiles=(50, 90, 95, 99), intervals=(50, 99), count=True, compared=(50, 99),
    primary=(50,), drawn=(50, 99), tabled=(50, 90, 99), short={50: 1, 90: 201, 99: 11},
    headline={50: (1, "TTFB (ms)", "p50"), 95: (2, "TTFB (ms)", "p95")},
)  # fmt: skip
def ttfb(m: Measured) -> Ints:
    """Time to first byte: from just before the library is called to the first read of the body."""
    return m.ttfb


@latency(
    PerToken, label="gap between reads", percentiles=(50, 90, 95, 99), intervals=(99,), count=True, compared=(99,),
    drawn=(99,), tabled=(50, 99), short={50: 101, 99: 71}, heading="gap",
)  # fmt: skip
def read_gap(m: Measured) -> Times:
    """All gaps between two reads of the same body, as the library delivers them."""
    return m.read_gaps()


@amount(label="throughput", topic="cost", unit="MiB/s", kind="rate", better="higher", compared=VALUE, tabled=VALUE,
    intervals=VALUE, drawn=VALUE, short={None: 161}, heading="MiB/s", headline={None: (3, "", "MiB/s")},
)  # fmt: skip
def mib_per_s(repeats: Repeats) -> float | None:
    """Bytes that arrived within the measured window, on any stream, divided by its length."""
    seconds = sum(repeat.window_ns for repeat in repeats.included) / 1e9
    return _mib(repeats) / seconds if seconds and not repeats.have_tokens else None


@amount(
    label="throughput of a stream", topic="streams", unit="MiB/s", kind="rate", better="higher", tabled=VALUE
)
def stream_mib_per_s(repeats: Repeats) -> float | None:
    """The median over completed streams: bytes of the body, divided by the time from the start to the end."""
    if repeats.have_tokens:
        return None
    speeds = [
        size / MIB / (ns / 1e9)
        for m in repeats.parts
        for size, ns in zip(m.streams.bytes[m.included].tolist(), m.total[m.included].tolist(), strict=True)
        if ns > 0
    ]
    return median(speeds) if speeds else None


@amount(label="bytes", topic="streams", unit="bytes", better=None, decimals=0)
def received_bytes(repeats: Repeats) -> int | None:
    """Bytes of bodies received after the warm-up."""
    if repeats.have_tokens:
        return None
    return sum(int(m.streams.bytes[m.after_warmup].sum()) for m in repeats.parts)


@amount(label="bytes per read", topic="cost", unit="bytes", better=None, tabled=VALUE)
def bytes_per_read(repeats: Repeats) -> float | None:
    """How many bytes the library delivers at once, on average."""
    if repeats.have_tokens:
        return None
    reads = sum(int(m.streams.reads[m.after_warmup].sum()) for m in repeats.parts)
    return sum(int(m.streams.bytes[m.after_warmup].sum()) for m in repeats.parts) / reads if reads else None


@amount(
    label="CPU per MiB", topic="cost", unit="µs", kind="cpu", compared=VALUE, primary=VALUE, drawn=VALUE,
    tabled=VALUE, short={None: 81}, heading="CPU µs/MiB", headline={None: (8, "CPU", "µs/MiB")},
)  # fmt: skip
def cpu_us_per_mib(repeats: Repeats) -> float | None:
    """CPU time within the measured window, divided by the MiB that arrived in it."""
    ns, _, _ = growth(repeats, lambda sample: sample.cpu_ns)
    mib = _mib(repeats)
    return ns / 1e3 / mib if ns is not None and mib and not repeats.have_tokens else None


def _mib(repeats: Repeats) -> float:
    return sum(m.window_bytes for m in repeats.parts) / MIB
