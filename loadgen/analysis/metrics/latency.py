"""Times of streams and of the gaps between their tokens."""

from __future__ import annotations

from functools import partial

import numpy as np

from loadgen.analysis.measures import Ints, Measured, Times, present
from loadgen.analysis.metrics import PerStream, PerToken, Repeats, Scalar, metric

latency = partial(metric, topic="latency", kind="latency")


@latency(
    PerStream, label="TTFT", percentiles=(50, 90, 95, 99), intervals=(50, 99), count=True, compared=(50, 99),
    primary=(50,), drawn=(50, 99), live=(50, 90, 99), tabled=(50, 90, 99), short={50: 0, 90: 200, 99: 10},
    headline={50: (1, "TTFT (ms)", "p50"), 95: (2, "TTFT (ms)", "p95")},
)  # fmt: skip
def ttft(m: Measured) -> Ints:
    """Time to first token: from just before the library is called to the first read that carries output, thinking
    and tool calls included.
    """
    return m.ttft


@latency(PerStream, label="TTFT without connecting", percentiles=(50, 99))
def ttft_connected(m: Measured) -> Ints:
    """TTFT less the time in which the stream's own connection was opened: name lookup, TCP and TLS. Empty where the
    client does not report these.
    """
    return m.ttft_connected


opened = partial(latency, PerStream, percentiles=(50, 99))


@opened(label="connecting")
def connecting(m: Measured) -> Ints:
    """How long a stream took to open its connection: name lookup, TCP and TLS; 0 where it used one again. Empty where
    the client does not report that.
    """
    return m.connecting


@opened(label="name lookup")
def dns(m: Measured) -> Ints:
    """How long the name of the server was looked up, of the streams that opened a connection. Empty for an address, and
    where a library does not tell it apart: `connect` includes it then.
    """
    return m.streams.dns_ns


@opened(label="connect")
def connect(m: Measured) -> Ints:
    """How long TCP took to connect, of the streams that opened a connection."""
    return m.streams.connect_ns


@opened(label="TLS handshake")
def tls(m: Measured) -> Ints:
    """How long the handshake of TLS took, of the streams that opened a connection."""
    return m.streams.tls_ns


@latency(PerStream, label="TTFT of the answer", percentiles=(50, 99))
def answer_ttft(m: Measured) -> Ints:
    """Time to the first output that is no thinking. Empty where a stream has none."""
    return m.answer_ttft


@latency(
    PerToken, label="ITL", percentiles=(50, 90, 95, 99), intervals=(99,), count=True, compared=(99,),
    drawn=(50, 99), live=(50, 90, 99), tabled=(50, 90, 99), short={50: 100, 90: 210, 99: 70},
    grouped=("ITL per event", "ITL/event"),
)  # fmt: skip
def itl(m: Measured) -> Times:
    """Inter-token latency: all gaps between token arrivals within a stream, never a mean per stream. Tokens that
    arrive in one read have a gap of 0. Where `tokens_per_event` is above 1.05 they are gaps between text events, and
    named so.
    """
    return m.gaps()


@latency(
    PerStream, label="total", percentiles=(50, 90, 95, 99), intervals=(50,), compared=(50,), primary=(50,),
    drawn=(50, 99), tabled=(50, 99), short={50: 140, 99: 150},
)  # fmt: skip
def total(m: Measured) -> Ints:
    """From just before the library is called to the protocol's end."""
    return m.total


@latency(PerStream, label="drain", percentiles=(50, 99))
def drain(m: Measured) -> Ints:
    """From the protocol's end to that of the body: how long the server keeps the connection busy after an answer."""
    return m.streams.drain_ns


@latency(PerStream, label="headers", percentiles=(50, 99))
def headers(m: Measured) -> Ints:
    """From just before the library is called until it delivers the response's headers."""
    return m.headers_wait


@latency(PerStream, label="TPOT", percentiles=(50, 99), primary=(50,))
def tpot(m: Measured) -> Ints:
    """Time per output token of a stream: (last token - first token) / (`tokens` - 1), as in vLLM's `bench serve`, which
    ends with the last byte. Measurements with answers of different length are compared by it, in place of `total`.
    """
    return m.tpot


@latency(PerStream, label="normalised latency", percentiles=(50, 99))
def normalized_latency(m: Measured) -> Ints:
    """`total` / `tokens` of a stream, in ms per token: its latency normalised by the length of its answer. Its median
    is the figure of Orca (OSDI 2022).
    """
    return m.normalized_latency


@metric(Scalar, label="normalised latency, mean", topic="latency", kind="latency")
def normalized_latency_mean_ms(repeats: Repeats) -> float | None:
    """The mean of `total` / `tokens` over streams, in ms per token: the figure of vLLM (SOSP 2023, section 6)."""
    each = [present(m.normalized_latency[m.included]) for m in repeats.parts]
    values = np.concatenate(each) if each else np.zeros(0)
    return float(values.mean()) / 1e6 if len(values) else None


@latency(
    PerStream, label="send delay", percentiles=(50, 99), compared=(99,), tabled=(99,),
    headline={99: (4, "added (ms, p99)", "to send")},
)  # fmt: skip
def send_delay(m: Measured) -> Ints:
    """From the call of the library until the server had the request, by the server's own clock, without opening the
    connection (`connecting`). Of that, `to_wire` is the client's; then the request was on its way, or waited to be
    accepted.
    """
    return m.send_delay


@latency(PerStream, label="time to wire", percentiles=(50, 99))
def to_wire(m: Measured) -> Ints:
    """From the call of the library until the connection had sent the request, without opening the connection: the
    client's part of the TTFT. It is what is certain, as the kernel tells it to within 4 ms. Empty where the library
    does not give access to the socket.
    """
    return m.to_wire


in_warmup = partial(PerStream, streams=lambda m: m.ok & ~m.after_warmup)


@latency(in_warmup, label="TTFT in the warm-up", percentiles=(50, 99))
def startup_ttft(m: Measured) -> Ints:
    """TTFT of the streams due in the warm-up."""
    return m.ttft


@latency(PerStream, label="start delay", percentiles=(50, 99))
def start_delay(m: Measured) -> Ints:
    """From when the load wanted a stream, and no longer held it back, to the call of the library: the client's own
    lateness.
    """
    return m.start_delay
