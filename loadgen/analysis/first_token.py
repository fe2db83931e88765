"""Where the time to the first token went: to the client, which sends and receives, or to the server."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from loadgen.analysis.delivery_lag import Floats
from loadgen.analysis.measures import Measured
from loadgen.analysis.repeats import repeats_of
from loadgen.model import FirstTokenFinding, Run, Summary, TtftParts

SLOWEST = 0.05  # share of the streams whose time is divided apart
MIN_STREAMS = 20


def findings(run: Run, summaries: Iterable[Summary]) -> list[FirstTokenFinding]:
    """Return one for every client and level with streams of which every part of the TTFT is known."""
    repeats = {
        (r.recording.client, r.recording.level, r.recording.repeat): r for r in repeats_of(run.recordings)
    }
    found = []
    for s in (s for s in summaries if not s.client.control):
        cells = [repeats[key] for one in s.rounds if (key := (s.client, s.level, one.repeat)) in repeats]
        parts = np.concatenate([np.zeros((0, 3)), *(parts_of(m) for cell in cells for m in cell.parts)])
        if len(parts):
            parts = parts[np.argsort(parts.sum(axis=1), kind="stable")]
            slowest = parts[-max(1, round(SLOWEST * len(parts))) :] if len(parts) >= MIN_STREAMS else None
            found.append(
                FirstTokenFinding(
                    client=s.client,
                    level=s.level,
                    streams=len(parts),
                    mean=_mean(parts),
                    slowest=None if slowest is None else _mean(slowest),
                )
            )
    return found


def parts_of(m: Measured) -> Floats:
    """Return a row per included stream whose parts are known: milliseconds to send, of the server, and to receive.

    They add up to the TTFT.
    """
    lags = m.lags() if m.recording.same_host else None
    if lags is None:
        return np.zeros((0, 3))
    begins = np.flatnonzero(np.diff(lags.owner, prepend=np.int32(-1)))
    streams = lags.owner[begins]
    ttft, send = m.ttft[streams], m.send_delay[streams]
    receive = np.clip(lags.values[begins], 0, ttft)
    send_known = np.clip(send, 0, ttft - receive)
    rows = np.stack([send_known, ttft - receive - send_known, receive], axis=1) / 1e6
    return rows[(send >= 0) & (ttft >= 0)]


def _mean(parts: Floats) -> TtftParts:
    return TtftParts(*parts.mean(axis=0).tolist())
