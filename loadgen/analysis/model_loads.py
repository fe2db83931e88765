"""Which streams waited for the server to load its model.

A server reports a load of every stream: of a model in memory that is its scheduling, 50 to 80 ms on a quiet machine
and much more on a busy one. So a load needs evidence that the model was not in memory. The server's own list says
whether it was there before and after the cell, and how long it is kept when nobody uses it; a stream keeps it there as
long as it is open. Who begins while a load is under way waits for the same one.

Where the server does not tell, only streams that nobody kept the model in memory for may have loaded it, and
their figure must be longer than scheduling ever is for a stream that is alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadgen.model import Residency, StreamTable

Flags = NDArray[np.bool_]

# What a model in memory is reported with, at most, where scheduling has not to wait.
RESIDENT_NS: Final = 80_000_000
# Between that and the shortest load that was measured, 400 ms of 135 M parameters.
LOAD_NS: Final = 250_000_000
FOREVER_NS: Final = 1e30  # finite: added to "never", it is still never


def waited(of: StreamTable, residency: Residency | None) -> Flags:
    """Return which streams waited for a load."""
    found = np.zeros(len(of), dtype=bool)
    if not len(of):
        return found
    order = np.argsort(of.start, kind="stable")
    start, end, load = (column[order].astype(float) for column in (of.start, of.end, of.load_ns))
    kept = _kept_ns(residency)
    there = residency is not None and residency.before
    used_until = np.concatenate([[start[0] + 1 if there else -np.inf], end[:-1]])
    loads = start >= np.maximum.accumulate(used_until) + kept  # nobody kept the model until then
    ready = np.maximum.accumulate(np.where(loads, start + np.maximum(load, 0), -np.inf))
    least = RESIDENT_NS if residency else LOAD_NS
    found[order] = (loads | (start < ready)) & (load > least)
    return found


def _kept_ns(residency: Residency | None) -> float:
    if residency is None or residency.after is False:
        return 0.0
    return FOREVER_NS if residency.keep_s is None else residency.keep_s * 1e9
