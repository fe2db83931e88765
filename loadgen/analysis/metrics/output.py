"""What the streams delivered: tokens, text events, and how reads carried them."""

from __future__ import annotations

import numpy as np

from loadgen.analysis.measures import present
from loadgen.analysis.metrics.metric import VALUE, Metric, Repeats, Scalar
from loadgen.analysis.metrics.usage import largest


def _tokens(repeats: Repeats) -> int:
    return sum(int(m.tokens[m.after_warmup].sum()) for m in repeats.parts)


def _text_events(repeats: Repeats) -> int:
    return sum(int(m.streams.text_events[m.after_warmup].sum()) for m in repeats.parts)


def _server_tokens(repeats: Repeats) -> int | None:
    counts = [present(m.streams.server_tokens[m.after_warmup]) for m in repeats.parts]
    return sum(int(each.sum()) for each in counts) if any(len(each) for each in counts) else None


def _tokens_per_s(repeats: Repeats) -> float | None:
    seconds = sum(repeat.window_ns for repeat in repeats.included) / 1e9
    return sum(m.window_tokens for m in repeats.parts) / seconds if seconds else None


def _events_per_read(repeats: Repeats) -> float | None:
    reads = sum(int(np.diff(m.text_offsets)[m.included].sum()) for m in repeats.parts)
    events = sum(int(m.streams.text_events[m.included].sum()) for m in repeats.parts)
    return events / reads if reads else None


def _load_max_ms(repeats: Repeats) -> float | None:
    longest = largest(int(ns) for m in repeats.parts for ns in present(m.streams.load_ns))
    return None if longest is None else longest / 1e6


TOKENS = Metric(
    key="tokens",
    label="tokens",
    unit="",
    better=None,
    description="Tokens received after the warm-up: of each stream the server's own count where it reports one, "
    "otherwise its text events.",
    formula=Scalar(_tokens),
    topic="streams",
    decimals=0,
)

TEXT_EVENTS = Metric(
    key="text_events",
    label="text events",
    unit="",
    better=None,
    description="Events with text received after the warm-up, counted by the client.",
    formula=Scalar(_text_events),
    topic="streams",
    decimals=0,
)

SERVER_TOKENS = Metric(
    key="server_tokens",
    label="tokens by the server's count",
    unit="",
    better=None,
    description="Tokens by the server's own count, of the streams for which it reported one; empty where it "
    "reported none.",
    formula=Scalar(_server_tokens),
    topic="streams",
    decimals=0,
)

TOKENS_PER_S = Metric(
    key="tokens_per_s",
    label="tokens/s",
    unit="tokens/s",
    better="higher",
    description="Tokens that arrived within the measured window, on any stream, divided by its length.",
    formula=Scalar(_tokens_per_s),
    topic="cost",
    compared=VALUE,
    live=VALUE,
    tabled=VALUE,
    short={None: 16},
)

EVENTS_PER_READ = Metric(
    key="events_per_read",
    label="text events per read",
    unit="",
    better=None,
    description="Text events that arrived together in one read, on average; above 1, reads were coalesced.",
    formula=Scalar(_events_per_read),
    topic="cost",
    tabled=VALUE,
    heading="events/read",
)

LOAD_MAX_MS = Metric(
    key="load_max_ms",
    label="longest model load",
    description="The longest time that the server reports for loading its model, warm-up included.",
    formula=Scalar(_load_max_ms),
    topic="latency",
)
