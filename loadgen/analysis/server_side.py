"""A measurement as a client without delays of its own would have made it, from the same server."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loadgen.analysis.measures import Measured
from loadgen.analysis.repeats import Repeat
from loadgen.model import ArrivalTable


def server_side(repeat: Repeat) -> Repeat | None:
    """Return the repeat without send delay and delivery lag; ``None`` where these are not known.

    Streams start when the server had the request, tokens arrive when it sent them. Streams without stamps stay as they
    are.
    """
    parts = [part for m in repeat.parts if (part := _part(m)) is not None]
    return Repeat(tuple(parts)) if len(parts) == len(repeat.parts) else None


def _part(m: Measured) -> Measured | None:
    of, arrivals = m.streams, m.recording.arrivals
    lags = m.lags(np.ones(len(of), dtype=np.bool_))
    if lags is None:
        return None
    number = np.bincount(lags.owner, minlength=len(of))  # of text events, per stream with stamps
    stamped = number > 0
    rows = m.text_reads[np.repeat(stamped, np.diff(m.text_offsets))]
    sent = np.repeat(arrivals.at[rows], arrivals.count[rows]) - lags.values
    others = np.repeat(~stamped, of.reads)
    owner = np.concatenate([lags.owner, np.repeat(np.arange(len(of)), of.reads)[others]])
    order = np.argsort(owner, kind="stable")
    seen = ArrivalTable(
        at=np.concatenate([sent, arrivals.at[others]])[order],
        count=np.concatenate([np.ones(len(sent), dtype=np.uint16), arrivals.count[others]])[order],
    )
    waited = np.where(m.until_received >= 0, m.until_received, np.maximum(m.to_wire, 0))
    last_lag = np.zeros(len(of), dtype=np.int64)
    last_lag[stamped] = lags.values[np.cumsum(number[stamped]) - 1]
    streams = replace(
        of, start=of.start + waited, end=of.end - last_lag, reads=np.where(stamped, number, of.reads)
    )
    return Measured(replace(m.recording, streams=streams, arrivals=seen))
