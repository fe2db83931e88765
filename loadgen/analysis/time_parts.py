"""Where the time of a client's streams went at each level: the means of their parts, which add up.

Opening connections is left out where it is less than a hundredth of the TTFT.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from loadgen.analysis.delivery_lag import Floats
from loadgen.analysis.measures import Ints, Measured
from loadgen.analysis.repeats import included, repeats_of
from loadgen.model import Part, Run, Summary, TimeFinding

SLOWEST = 0.05  # share of the streams, by TTFT, whose time is divided apart
MIN_STREAMS = 20
LARGE_OPENING = (
    0.10  # share of the TTFT from which on opening connections is worth a part of its own everywhere
)
LEAST_OPENING = 0.01  # below it is not shown
_NAMES = tuple(Part)
_TTFT = slice(_NAMES.index(Part.DECODE))  # the parts before it add up to the TTFT
_OPENING = slice(_NAMES.index(Part.SEND))
_OURS = (Part.UNRECEIVED, Part.RECEIVE)  # known here only
_DIVIDED = [_NAMES.index(part) for part in (Part.SEND, Part.UNRECEIVED, Part.LOAD, Part.QUEUE, Part.PROMPT)]


def findings(run: Run, summaries: Iterable[Summary]) -> list[TimeFinding]:
    """Return one for every client and level with streams of which any part of the TTFT is known, or contradicted."""
    repeats = repeats_of(run.recordings)
    found = []
    for s in (s for s in summaries if not s.client.control):
        parts = (m for repeat in included(repeats, s) for m in repeat.parts)
        rows = np.concatenate([np.zeros((0, len(_NAMES))), *map(rows_of, parts)])
        contradicted = int(s.value("contradicted") or 0)
        opening = _opening(rows)
        if not contradicted and not rows[:, _DIVIDED].any() and opening < LARGE_OPENING:
            continue
        if opening < LEAST_OPENING:
            rows[:, _OPENING] = 0.0
        rows = rows[np.argsort(rows[:, _TTFT].sum(axis=1), kind="stable")]
        slowest = rows[-max(1, round(SLOWEST * len(rows))) :] if len(rows) >= MIN_STREAMS else None
        found.append(
            TimeFinding(
                client=s.client,
                level=s.level,
                streams=len(rows),
                contradicted=contradicted,
                mean=_mean(rows),
                slowest=None if slowest is None else _mean(slowest),
            )
        )
    return found


def rows_of(m: Measured) -> Floats:
    """Return a row per included stream with a token: the milliseconds of each part, 0 where it is not known.

    They add up to the total. What the client took to receive the first token, by a clock in common with the server, is
    taken from what is left of the TTFT.
    """
    parts: dict[Part, Ints] = {
        name: np.maximum(getattr(m.parts, name), 0) for name in _NAMES if name not in _OURS
    }
    sent = np.minimum(np.maximum(m.to_wire, 0), parts[Part.SEND])
    parts[Part.SEND], parts[Part.UNRECEIVED] = sent, parts[Part.SEND] - sent
    receive = np.maximum(m.first_lag, 0)
    parts[Part.RECEIVE] = np.zeros_like(receive)
    for name in (Part.FIRST_DECODE, Part.UNSPLIT):
        own = np.minimum(receive, parts[name])
        parts[name] = parts[name] - own
        parts[Part.RECEIVE] = parts[Part.RECEIVE] + own
    rows: Floats = np.stack([parts[name] for name in _NAMES], axis=1) / 1e6
    return rows[m.included & (m.ttft >= 0)]


def _opening(rows: Floats) -> float:
    """Return the share of the TTFT in which connections were opened."""
    ttft = rows[:, _TTFT].sum()
    return float(rows[:, _OPENING].sum() / ttft) if ttft else 0.0


def _mean(rows: Floats) -> Mapping[Part, float]:
    """Return the means of the parts that any of the streams has."""
    return {name: float(mean) for name, mean in zip(_NAMES, rows.mean(axis=0), strict=True) if mean > 0}
