"""Hold what the server reports of a stream against what the client saw of it; what cannot be counts as not reported."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loadgen.model import StreamTable

Ints = NDArray[np.int64]

HIDDEN_PER_S = 10_000  # tokens per second that a stream may have had beyond one for each byte that came
TOLERANCE_NS = 1_000_000


def reported(of: StreamTable, first_token: Ints, last_token: Ints) -> StreamTable:
    """Return the streams without the server's figures that cannot be.

    Its whole duration lasts at least from the first to the last event, by the server's clock where that goes on,
    otherwise by the client's; where it does not, it is in another unit, and so are the others.
    """
    counted = ~absurd(of) & ~((of.server_tokens == 0) & (of.text_events > 0))
    thinking = counted & (of.server_thinking_tokens <= of.server_tokens)
    by_server = np.where(
        (of.first_stamp_ns >= 0) & (of.end_stamp_ns >= 0), of.end_stamp_ns - of.first_stamp_ns, 0
    )
    least = np.where(by_server > 0, by_server, last_token - first_token)
    timed = (of.total_ns <= 0) | (of.total_ns >= least - TOLERANCE_NS)
    durations = ("total_ns", "load_ns", "prompt_ns", "decode_ns")
    found = {
        "server_tokens": np.where(counted, of.server_tokens, -1),
        "server_thinking_tokens": np.where(thinking, of.server_thinking_tokens, -1),
        **{name: np.where(timed & (getattr(of, name) > 0), getattr(of, name), -1) for name in durations},
    }
    return of.changed(**{name: each for name, each in found.items() if (each != getattr(of, name)).any()})


def too_long(of: StreamTable) -> NDArray[np.bool_]:
    """Return where the server's whole duration is longer than the stream was for the client."""
    long: NDArray[np.bool_] = of.total_ns > of.end - of.start + TOLERANCE_NS
    return long


def absurd(of: StreamTable) -> NDArray[np.bool_]:
    """Return where the server's count exceeds one token per byte and those it can have hidden in the stream's time."""
    seen = of.bytes + (of.end - of.start) / 1e9 * HIDDEN_PER_S
    visible = of.server_tokens - np.maximum(of.server_thinking_tokens, 0)
    return np.logical_and(of.bytes >= 0, visible > seen)
