"""What the streams delivered: tokens, text events, and events per read."""

from __future__ import annotations

import numpy as np

from loadgen.analysis import batches
from loadgen.analysis.measures import present
from loadgen.analysis.metrics import VALUE, Metric, Repeats, Scalar, metric
from loadgen.analysis.metrics.streams import number
from loadgen.analysis.metrics.usage import cost, largest


def _tokens(repeats: Repeats) -> int | None:
    if not repeats.have_tokens:
        return None
    return sum(int(m.tokens[m.after_warmup].sum()) for m in repeats.parts)


@number(label="tokens")
def tokens(repeats: Repeats) -> int | None:
    """Tokens received after the warm-up: for each stream the server's own count if it reports one, otherwise its
    text events.
    """
    return _tokens(repeats)


@metric(Scalar, label="tokens per stream", topic="streams", unit="tokens", better=None)
def tokens_per_stream(repeats: Repeats) -> float | None:
    """How long answers are: the mean of the tokens of completed streams."""
    streams = sum(int(m.included.sum()) for m in repeats.parts) if repeats.have_tokens else 0
    return sum(int(m.tokens[m.included].sum()) for m in repeats.parts) / streams if streams else None


@number(label="text events")
def text_events(repeats: Repeats) -> int | None:
    """Events with output of any kind received after the warm-up, counted by the client."""
    if not repeats.have_tokens:
        return None
    return sum(int(m.streams.text_events[m.after_warmup].sum()) for m in repeats.parts)


@number(label="tokens by the server's count")
def server_tokens(repeats: Repeats) -> int | None:
    """Tokens by the server's own count, of the streams for which it reported one; empty if there was none."""
    counts = [present(m.reported.server_tokens[m.after_warmup]) for m in repeats.parts]
    return sum(int(each.sum()) for each in counts) if any(map(len, counts)) else None


def _thinking(repeats: Repeats) -> int | None:
    found, measured = 0.0, False
    for m in repeats.parts:
        of, events = m.reported, m.streams.thinking_events
        counted = np.where(of.server_thinking_tokens >= 0, of.server_thinking_tokens, -1.0)
        share = m.tokens * np.maximum(events, 0) / np.maximum(m.streams.text_events, 1)
        found += float(np.where(counted >= 0, counted, share)[m.after_warmup].sum())
        measured = measured or bool(((events >= 0) & m.after_warmup & m.has_tokens).any())
    return round(found) if measured else None


@number(label="thinking tokens")
def thinking_tokens(repeats: Repeats) -> int | None:
    """The `tokens` that are thinking: by the server's own count if it reports one, otherwise by the share of the text
    events.
    """
    return _thinking(repeats)


@number(label="answer tokens")
def answer_tokens(repeats: Repeats) -> int | None:
    """The `tokens` that are no thinking."""
    thinking, whole = _thinking(repeats), _tokens(repeats)
    return None if thinking is None or whole is None else whole - thinking


def _other(kind: str, what: str) -> tuple[Metric, Metric]:
    """Return the metrics of output that is neither text nor thinking: its events, and the streams that have any."""

    def events(repeats: Repeats) -> int | None:
        counts = [present(getattr(m.streams, f"{kind}_events")[m.after_warmup]) for m in repeats.parts]
        return sum(int(each.sum()) for each in counts) if any(map(len, counts)) else None

    def streams(repeats: Repeats) -> int | None:
        counts = [present(getattr(m.streams, f"{kind}_events")[m.included]) for m in repeats.parts]
        return sum(int((each > 0).sum()) for each in counts) if any(map(len, counts)) else None

    events.__name__, streams.__name__ = f"{kind}_events", f"{kind}_streams"
    events.__doc__ = f"The `text_events` that carry {what} in place of text."
    streams.__doc__ = f"Completed streams with {what}."
    noun = kind.replace("_", "-")
    return number(label=f"{noun} events")(events), number(label=f"streams with a {noun.replace('-', ' ')}")(
        streams
    )


tool_call_events, tool_call_streams = _other("tool_call", "calls of tools")
refusal_events, refusal_streams = _other("refusal", "refusals")


@cost(
    label="tokens/s", unit="tokens/s", kind="rate", better="higher", compared=VALUE, live=VALUE, tabled=VALUE,
    short={None: 160},
    headline={None: (3, "", "tok/s")},
)  # fmt: skip
def tokens_per_s(repeats: Repeats) -> float | None:
    """Tokens that arrived within the measured window, on any stream, divided by its length."""
    seconds = sum(repeat.window_ns for repeat in repeats.included) / 1e9 if repeats.have_tokens else 0.0
    return sum(m.window_tokens for m in repeats.parts) / seconds if seconds else None


@cost(label="text events per read", unit="", better=None, tabled=VALUE, heading="events/read")
def events_per_read(repeats: Repeats) -> float | None:
    """Text events that arrived together in one read, on average; above 1, reads were coalesced."""
    reads = sum(int(np.diff(m.text_offsets)[m.included].sum()) for m in repeats.parts)
    events = sum(int(m.streams.text_events[m.included].sum()) for m in repeats.parts)
    return events / reads if reads else None


@cost(label="tokens per text event", unit="", better=None)
def tokens_per_event(repeats: Repeats) -> float | None:
    """Tokens by the server's own count for each text event, on average, without hidden thinking; above 1, the gaps of
    the ITL are those between groups of tokens.
    """
    return batches.tokens_per_event(repeats.parts)


@number(label="streams that waited for a load")
def loads(repeats: Repeats) -> int | None:
    """Streams that waited for the server to load its model, warm-up included; empty where it reports no loads."""
    known = [m for m in repeats.parts if len(present(m.reported.load_ns))]
    return sum(int(m.waited_for_load.sum()) for m in known) if known else None


@metric(Scalar, label="longest model load", topic="latency")
def load_max_ms(repeats: Repeats) -> float | None:
    """The longest time that the server reports for loading its model, warm-up included."""
    longest = largest(int(ns) for m in repeats.parts for ns in present(m.streams.load_ns))
    return None if longest is None else longest / 1e6
