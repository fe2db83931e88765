"""Where the time of a client's streams went at each level: the means of their parts, which add up.

Opening connections is left out where it is less than a hundredth of the TTFT.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from loadgen.analysis.measures import Flags, Ints, Measured
from loadgen.analysis.repeats import included, repeats_of
from loadgen.model import Part, Run, Summary, TimeFinding

SLOWEST = 0.05  # share of the streams, by TTFT, whose time is divided apart
MIN_STREAMS = 20
LARGE_OPENING = (
    0.10  # share of the TTFT from which on opening connections is worth a part of its own everywhere
)
LEAST_OPENING = 0.01  # below it is not shown
_OPENING = (Part.DNS, Part.CONNECT, Part.TLS)
_AFTER = (Part.DECODE, Part.REST)  # the others add up to the TTFT
_DIVIDED = (Part.SEND, Part.UNRECEIVED, Part.LOAD, Part.QUEUE, Part.PROMPT)


def findings(run: Run, summaries: Iterable[Summary]) -> list[TimeFinding]:
    """Return one for every client and level with streams of which any part of the TTFT is known, or contradicted."""
    repeats = repeats_of(run.recordings)
    found = []
    for s in (s for s in summaries if not s.client.control):
        parts = [m for repeat in included(repeats, s) for m in repeat.parts]
        ttft = np.zeros(sum(int(_rows(m).sum()) for m in parts), dtype=np.int64)
        sums, names = dict[Part, int](), list(Part)
        for name in names:
            each = _of(name, parts)
            sums[name] = int(each.sum())
            ttft += 0 if name in _AFTER else each
        contradicted = int(s.value("contradicted") or 0)
        opening = sum(sums[name] for name in _OPENING) / max(int(ttft.sum()), 1)
        if not contradicted and not any(sums[name] for name in _DIVIDED) and opening < LARGE_OPENING:
            continue
        if opening < LEAST_OPENING:
            names = [name for name in names if name not in _OPENING]
            for name in _OPENING:
                ttft -= _of(name, parts)
        slowest = None
        if len(ttft) >= MIN_STREAMS:
            rows = _largest(ttft, max(1, round(SLOWEST * len(ttft))))
            slowest = {name: int(_of(name, parts)[rows].sum()) for name in names}, len(rows)
        found.append(
            TimeFinding(
                client=s.client,
                level=s.level,
                streams=len(ttft),
                contradicted=contradicted,
                mean=_mean({name: sums[name] for name in names}, len(ttft)),
                slowest=None if slowest is None else _mean(*slowest),
            )
        )
    return found


def _rows(m: Measured) -> Flags:
    """Return the included streams with a token."""
    return m.included & (m.ttft >= 0)


def _of(name: Part, parts: Iterable[Measured]) -> Ints:
    """Return a part of the time of each included stream with a token, in nanoseconds, 0 where it is not known.

    They add up to the total.
    """
    return np.concatenate([np.zeros(0, np.int64), *(_part(m, name)[_rows(m)] for m in parts)])


def _part(m: Measured, name: Part) -> Ints:
    """Return a part of the time of each stream.

    What the client took to receive the first token, by a clock in common with the server, is taken from what is left of
    the TTFT.
    """
    if name is Part.RECEIVE:
        return _received(m, m.parts.first_decode) + _received(m, m.parts.unsplit)
    if name is Part.UNRECEIVED:
        return np.maximum(m.parts.send, 0) - _part(m, Part.SEND)
    whole: Ints = np.maximum(getattr(m.parts, name), 0)
    if name is Part.SEND:
        return np.minimum(np.maximum(m.to_wire, 0), whole)
    received = _received(m, whole) if name in (Part.FIRST_DECODE, Part.UNSPLIT) else 0
    return whole - received


def _received(m: Measured, part: Ints) -> Ints:
    return np.minimum(np.maximum(m.first_lag, 0), np.maximum(part, 0))


def _largest(values: Ints, number: int) -> NDArray[np.intp]:
    """Return the rows of so many of the largest values; of equal ones the last."""
    least = np.partition(values, -number)[-number]
    above = np.flatnonzero(values > least)
    return np.concatenate([above, np.flatnonzero(values == least)[len(above) - number :]])


def _mean(sums: Mapping[Part, int], streams: int) -> Mapping[Part, float]:
    """Return the means of the parts that any of the streams has, in milliseconds."""
    return {name: ns / streams / 1e6 for name, ns in sums.items() if ns}
