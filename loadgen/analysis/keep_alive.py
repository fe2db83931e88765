"""Streams that a server cut off by closing an idle connection while their request was on its way."""

from __future__ import annotations

import numpy as np

from loadgen.analysis.measures import Flags, Measured, present
from loadgen.model import Outcome


def races(m: Measured) -> Flags:
    """Return which streams lost a keep-alive race, as far as their course tells it from another end.

    They ended before the first byte of an answer, and sooner than any answer came; their connection may have been
    open from an answer before; none whose connection was new ended so; and the server answered others afterwards.
    """
    of = m.streams
    none = np.zeros(len(of), dtype=bool)
    early = np.isin(m.outcome, [Outcome.TRUNCATED, Outcome.RESET]) & (of.headers < 0) & (of.bytes == 0)
    early &= of.end - of.start < present(m.headers_wait[m.ok]).min(initial=np.iinfo(np.int64).max)
    if not early.any() or not m.ok.any() or (early & ~(reused := _may_be_reused(m))).any():
        return none
    raced: Flags = early & reused & (of.end < of.start[m.ok].max())
    return raced


def _may_be_reused(m: Measured) -> Flags:
    """Return before which streams an answer left a connection: on their slot, or on any where there are none."""
    of = m.streams
    if m.recording.level.rate is not None:
        return np.searchsorted(np.sort(of.end[m.ok]), of.start) > 0
    order = np.lexsort((of.start, of.slot))
    after = m.ok[order[:-1]] & (of.slot[order[:-1]] == of.slot[order[1:]])
    reused = np.zeros(len(of), dtype=bool)
    reused[order[1:]] = after
    return reused
