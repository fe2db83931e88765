"""Where the time of every stream went, from the client's marks and what the server reports of it.

The TTFT is name lookup + connect + TLS + send delay + load + queue + prompt + first decode; the total is the TTFT +
decode + rest. Both hold exactly, for every stream with a token:

- ``dns``, ``connect``, ``tls``: the stream's own connection was opened, by its client's marks.

- ``load``, ``prompt``: durations that the server reports.
- ``queue``: what it reports nothing about, ``total - load - prompt - decode`` of its own durations, as far as that lies
  before it sent the first token. With Ollama it is the wait for a slot, and some 35 ms of its own work.
- ``first_decode``: what is then left of the TTFT: the first token is decoded, and reaches the client.
- ``decode``, ``rest``: from the first to the last token, and from there to the end, by the client's marks.
- ``unsplit``: what is left of the TTFT where the send delay, the queue or the prompt is not known, so that it is not
  ``first_decode`` alone. A server that reports nothing leaves the whole TTFT here.

What is left can be short of zero. By up to ``ROUNDING_NS`` that is rounding: the parts are cut where the TTFT ends. By
more, the durations contradict what the client saw; no part takes that up. The stream is ``contradicted``: its TTFT is
unsplit but for its connection, and reported as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadgen.analysis.plausible import too_long
from loadgen.model import StreamTable

Ints = NDArray[np.int64]

ROUNDING_NS = 1_000_000
OPENING: Final = ("dns", "connect", "tls")
BEFORE_FIRST: Final = (
    *OPENING,
    "send",
    "load",
    "queue",
    "prompt",
    "first_decode",
    "unsplit",
)  # they add up to the TTFT
AFTER_FIRST: Final = ("decode", "rest")
NAMES: Final = (*BEFORE_FIRST, *AFTER_FIRST)


@dataclass(frozen=True, slots=True)
class Parts:
    """A value per stream of each part, nanoseconds; -1 where there is none. Those that are there add up.

    They are int32 where all of a part fit, below 2.1 s: what is added to them must be wider.
    """

    dns: Ints
    connect: Ints
    tls: Ints
    send: Ints
    load: Ints
    queue: Ints
    prompt: Ints
    first_decode: Ints
    unsplit: Ints
    decode: Ints
    rest: Ints
    contradicted: NDArray[np.bool_]


def parts(of: StreamTable, send: Ints, first_token: Ints, last_token: Ints, first_lag: Ints) -> Parts:
    """Return where the time of each stream went; marks, delays and lags are -1 where they are not known.

    ``send`` is the send delay.
    """
    there = first_token >= 0
    left, found = first_token - of.start, dict[str, Ints]()
    for name in OPENING:
        each = getattr(of, f"{name}_ns")
        found[name] = np.where(there & (each >= 0), np.minimum(each, np.maximum(left, 0)), each)
        left = left - np.where(there, np.maximum(found[name], 0), 0)
    known = {"send": send, "load": of.load_ns, "prompt": of.prompt_ns}
    has_queue = (of.total_ns >= 0) & (of.prompt_ns >= 0) & (of.decode_ns >= 0)
    # Ollama leaves out what is zero
    waited = of.total_ns - of.prompt_ns - of.decode_ns - np.maximum(of.load_ns, 0)
    beyond = left - np.maximum(list(known.values()), 0).sum(axis=0)
    contradicted = there & ((beyond < -ROUNDING_NS) | (has_queue & (waited < -ROUNDING_NS)) | too_long(of))
    split = there & ~contradicted

    for name, each in known.items():
        found[name] = np.where(split & (each >= 0), np.minimum(each, left), -1)
        left = left - np.maximum(found[name], 0)
    found["queue"] = np.where(
        split & has_queue, np.clip(waited, 0, np.maximum(left - np.maximum(first_lag, 0), 0)), -1
    )
    left = left - np.maximum(found["queue"], 0)
    whole = split & has_queue & (send >= 0)
    found |= {
        "first_decode": np.where(whole, left, -1),
        "unsplit": np.where(there & ~whole, left, -1),
        "decode": np.where(there, last_token - first_token, -1),
        "rest": np.where(there, of.end - last_token, -1),
    }
    return Parts(**{name: _narrow(each) for name, each in found.items()}, contradicted=contradicted)


def _narrow(values: Ints) -> Ints:
    """Return the values in less memory: half of it where all fit, and hardly any where they are equal."""
    if not len(values) or values.max() > np.iinfo(np.int32).max:
        return values
    values = values.astype(np.int32)
    return np.broadcast_to(values[0].copy(), len(values)) if (values == values[0]).all() else values
