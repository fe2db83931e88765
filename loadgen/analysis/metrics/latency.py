"""Times of streams and of the gaps between their tokens."""

from __future__ import annotations

from functools import partial

from loadgen.analysis.measures import Ints, Measured, Times
from loadgen.analysis.metrics.metric import PerStream, PerToken, metric


@metric(
    PerStream,
    label="TTFT",
    topic="latency",
    percentiles=(50, 90, 95, 99),
    kind="latency",
    intervals=(50, 99),
    count=True,
    compared=(50, 99),
    primary=(50,),
    drawn=(50, 99),
    live=(50, 90, 99),
    tabled=(50, 90, 99),
    short={50: 0, 90: 20, 99: 1},
)
def ttft(m: Measured) -> Ints:
    """Time to first token: from just before the library is called to the first read that carries text."""
    return m.ttft


@metric(
    PerToken,
    label="ITL",
    topic="latency",
    percentiles=(50, 90, 95, 99),
    kind="latency",
    intervals=(99,),
    count=True,
    compared=(99,),
    drawn=(50, 99),
    live=(50, 90, 99),
    tabled=(50, 90, 99),
    short={50: 9, 90: 21, 99: 6},
)
def itl(m: Measured) -> Times:
    """Inter-token latency: all gaps between token arrivals within a stream, never a mean per stream. Tokens that
    arrive in one read have a gap of 0.
    """
    return m.gaps()


@metric(
    PerStream,
    label="total",
    topic="latency",
    percentiles=(50, 90, 95, 99),
    kind="latency",
    intervals=(50,),
    compared=(50,),
    primary=(50,),
    drawn=(50, 99),
    tabled=(50, 99),
    short={50: 14, 99: 15},
)
def total(m: Measured) -> Ints:
    """From just before the library is called to the end of the body."""
    return m.total


@metric(PerStream, label="headers", topic="latency", percentiles=(50, 99), kind="latency")
def headers(m: Measured) -> Ints:
    """From just before the library is called until it delivers the response's headers."""
    return m.headers_wait


@metric(PerStream, label="TPOT", topic="latency", percentiles=(50, 99), kind="latency")
def tpot(m: Measured) -> Ints:
    """Time per output token of a stream: from its first to its last token, divided by its `tokens` minus one."""
    return m.tpot


@metric(
    PerStream,
    label="send delay",
    topic="latency",
    percentiles=(50, 99),
    kind="latency",
    compared=(99,),
    tabled=(99,),
)
def send_delay(m: Measured) -> Ints:
    """From the call of the library until the server had the request, by the server's own clock. It is the client's
    share of the TTFT.
    """
    return m.send_delay


@metric(
    partial(PerStream, streams=lambda m: m.ok & ~m.after_warmup),
    label="TTFT in the warm-up",
    topic="latency",
    percentiles=(50, 99),
    kind="latency",
)
def startup_ttft(m: Measured) -> Ints:
    """TTFT of the streams due in the warm-up."""
    return m.ttft
