"""How many connections the streams had."""

from __future__ import annotations

import numpy as np

from loadgen.analysis.metrics import Repeats, Scalar, metric


def _each(repeats: Repeats) -> list[tuple[int, int]]:
    """Return the streams and the connections of each part whose client tells the latter."""
    ports = [m.streams.port[m.included] for m in repeats.parts]
    return [(len(each), len(np.unique(each))) for each in ports if len(each) and (each > 0).all()]


@metric(Scalar, label="connections", topic="streams", unit="", better=None)
def connections(repeats: Repeats) -> float | None:
    """Connections of a repeat's ok streams, on average over the repeats, counted by the client's own ports. Empty
    where the client does not report these.
    """
    counted = [number for _, number in _each(repeats)]
    return sum(counted) / len(counted) if counted else None


@metric(Scalar, label="streams per connection", topic="streams", unit="streams", better=None)
def streams_per_connection(repeats: Repeats) -> float | None:
    """Streams that ran on a connection, one after the other, or with HTTP/2 at once, on average: 1 with
    `connections: new`.
    """
    counted = _each(repeats)
    return sum(streams for streams, _ in counted) / sum(number for _, number in counted) if counted else None
