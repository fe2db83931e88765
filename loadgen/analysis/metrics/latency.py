"""Times of streams and of the gaps between their tokens."""

from __future__ import annotations

from loadgen.analysis.metrics.metric import Metric, PerStream, PerToken

TTFT = Metric(
    key="ttft",
    label="TTFT",
    description="Time to first token: from just before the library is called to the first read that carries text.",
    formula=PerStream(lambda m: m.ttft),
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

ITL = Metric(
    key="itl",
    label="ITL",
    description="Inter-token latency: all gaps between token arrivals within a stream, never a mean per stream. "
    "Tokens that arrive in one read have a gap of 0.",
    formula=PerToken(lambda m: m.gaps()),
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

TOTAL = Metric(
    key="total",
    label="total",
    description="From just before the library is called to the end of the body.",
    formula=PerStream(lambda m: m.total),
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

HEADERS = Metric(
    key="headers",
    label="headers",
    description="From just before the library is called until it hands over the response's headers.",
    formula=PerStream(lambda m: m.headers_wait),
    topic="latency",
    percentiles=(50, 99),
    kind="latency",
)

TPOT = Metric(
    key="tpot",
    label="TPOT",
    description="Time per output token of a stream: from its first to its last token, divided by its `tokens` "
    "less one.",
    formula=PerStream(lambda m: m.tpot),
    topic="latency",
    percentiles=(50, 99),
    kind="latency",
)

SEND_DELAY = Metric(
    key="send_delay",
    label="send delay",
    description="From the call of the library until the server had the request, by the server's own account. "
    "It is the client's share of the TTFT.",
    formula=PerStream(lambda m: m.send_delay),
    topic="latency",
    percentiles=(50, 99),
    kind="latency",
    compared=(99,),
    tabled=(99,),
)

STARTUP_TTFT = Metric(
    key="startup_ttft",
    label="TTFT in the warm-up",
    description="TTFT of the streams due in the warm-up.",
    formula=PerStream(lambda m: m.ttft, streams=lambda m: m.ok & ~m.after_warmup),
    topic="latency",
    percentiles=(50, 99),
    kind="latency",
)
