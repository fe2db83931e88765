"""Streams that a server cut off by closing an idle connection while their request was on its way."""

from __future__ import annotations

import numpy as np

from loadgen.analysis.measures import Flags, Measured, present
from loadgen.model import Outcome


def races(m: Measured) -> Flags:
    """Return which streams lost a keep-alive race, as far as their course tells it from another end.

    They ended before the first byte of an answer, and sooner than any answer came; an answer before had left a
    connection open; none that started before the first answer ended so; and the server answered others afterwards.
    """
    of, ok = m.streams, m.ok
    early = np.isin(m.outcome, [Outcome.TRUNCATED, Outcome.RESET]) & (of.headers < 0) & (of.bytes == 0)
    if not early.any() or not ok.any():
        return np.zeros(len(of), dtype=bool)
    early &= of.end - of.start < present(m.headers_wait[ok]).min(initial=np.iinfo(np.int64).max)
    reused: Flags = of.start >= of.end[ok].min()
    raced: Flags = early & reused & (of.end < of.start[ok].max())
    return raced if not (early & ~reused).any() else np.zeros_like(raced)
