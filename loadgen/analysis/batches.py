"""Whether the text came token by token: gaps between tokens that came together say nothing of the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from loadgen.analysis.measures import Flags, Measured
from loadgen.model import Reason, Validity, reasons

TOGETHER = 0.5  # share of the gaps within a read from which on the median gap is none
MIN_EVENTS = 3  # of a stream
QUICK_NS = 1_000_000  # per event: a server that makes them faster sends them together itself
SEVERAL = 1.5  # tokens per event
GROUPED = 1.05  # tokens per event above which a gap is called one between events, not tokens


def findings(parts: Sequence[Measured]) -> Iterator[Reason]:
    """Yield that something between holds text back, and that events carry several tokens.

    The simulator sends each token by itself, in its time.
    """
    streams = [
        (m, m.included & (m.streams.text_events >= MIN_EVENTS) & ~_quick(m)) for m in parts if not m.ours
    ]
    number = sum(int(of.sum()) for _, of in streams)
    events = sum(int(m.streams.text_events[of].sum()) for m, of in streams)
    reads = sum(int(np.diff(m.text_offsets)[of].sum()) for m, of in streams)
    if number and events - reads > TOGETHER * (events - number):
        yield reasons.TextHeldBack(
            validity=Validity.SUSPECT,
            streams=number,
            whole=sum(int((of & (np.diff(m.text_offsets) == 1)).sum()) for m, of in streams),
            events_per_read=events / reads,
        )
    if (per_event := tokens_per_event(parts)) is not None and per_event >= SEVERAL:
        yield reasons.SeveralTokens(validity=Validity.VALID, tokens_per_event=per_event)


def tokens_per_event(parts: Sequence[Measured]) -> float | None:
    """Return the tokens per text event of the streams that the server counted and that came as several events."""
    found = [*map(counted, parts)]
    events = sum(events for _, events in found)
    return sum(tokens for tokens, _ in found) / events if events else None


def counted(m: Measured) -> tuple[int, int]:
    """Return the tokens that are no hidden thinking, and the text events, of those streams."""
    of = m.reported
    hidden = np.where(m.streams.thinking_events > 0, 0, np.maximum(of.server_thinking_tokens, 0))
    streams = m.included & (of.server_tokens > 0) & (m.streams.text_events >= MIN_EVENTS)
    return int((of.server_tokens - hidden)[streams].sum()), int(m.streams.text_events[streams].sum())


def _quick(m: Measured) -> Flags:
    """Return the streams whose server is known to have made them faster than anybody could tell events apart."""
    pace = m.reported.decode_ns / np.maximum(m.streams.text_events, 1)
    quick: Flags = (m.reported.decode_ns >= 0) & (pace < QUICK_NS)
    return quick
