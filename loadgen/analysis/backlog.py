"""Whether arrivals come faster than they are served: the backlog of an open load grows, and so do its latencies.

The backlog is the arrivals that are due and have not ended: held back, waiting at the server, or streaming. This is
the rule. It looks at the last three quarters of the measured
window, for in the first one streams only begin to fill the server. The backlog *grows* where both hold:

- Of ``n`` arrivals, more than ``3 * sqrt(2 * n)`` more came than left. The backlog of a server at exactly its
  capacity is a random walk of ``n`` steps up and as many down, with that standard deviation (Poisson arrivals; others
  vary less).
- The last third of the streams that are due then and complete took longer, from the schedule to their end, than the
  first (Mann-Whitney, one-sided, 1 %). Streams that are merely longer than the window do not.

The backlog *may grow* where the second holds, and ``sqrt(2 * n)`` more came than left, one standard deviation: so few
arrivals cannot tell, and nobody may say that the server keeps up. That part was added after a run at which the first
rule alone had missed a queue; it was then measured afresh, at other rates.

Where the rule of the run itself (``stop.overload``) ended the cell, the backlog grew as that found.
"""

from __future__ import annotations

import math

import numpy as np

from loadgen.analysis.measures import Ints, Measured
from loadgen.analysis.repeats import Repeat
from loadgen.model import Outcome

CHANCE = 3.0  # standard deviations
SIGNIFICANCE = 0.01


def may_grow(repeat: Repeat) -> bool:
    """Return whether so few arrivals cannot tell that the backlog does not grow; False in a closed loop."""
    return bool(growth(repeat, 1.0))


def growth(repeat: Repeat, chance: float = CHANCE) -> float | None:
    """Return by how many streams the backlog grew in each second; 0 where it did not surely, ``None`` in a closed
    loop. What is up to ``chance`` standard deviations is not sure.
    """
    if not repeat.is_open:
        return None
    begin, end = repeat.window
    begin += (end - begin) // 4
    due, ended = _marks(repeat, "due"), _marks(repeat, "end")
    came = int(((due >= begin) & (due < end)).sum()) + repeat.not_started
    left = np.concatenate([m.outcome != Outcome.STOPPED for m in repeat.parts])
    grew = came - int((left & (ended >= begin) & (ended < end)).sum())
    if (early := repeat.recording.stopped) and early.why == "overload" and end > begin:
        return max(grew, 0) / float(end - begin) * 1e9
    if end <= begin or grew <= chance * math.sqrt(2 * came):
        return 0.0
    took = np.concatenate([np.where(m.ok, m.total_corrected, -1) for m in repeat.parts])
    rows = np.flatnonzero((due >= begin) & (due < end) & (took >= 0))
    first, _, last = np.array_split(took[rows[np.argsort(due[rows], kind="stable")]], 3)
    if not len(last):
        return 0.0
    from scipy.stats import mannwhitneyu  # a second of imports

    rises = mannwhitneyu(last, first, alternative="greater").pvalue < SIGNIFICANCE
    return grew / float(end - begin) * 1e9 if rises else 0.0


def _marks(repeat: Repeat, name: str) -> Ints:
    """Return marks of all parts, from each part's own start."""
    return np.concatenate([_of(m, name) - m.recording.start for m in repeat.parts])


def _of(m: Measured, name: str) -> Ints:
    marks: Ints = getattr(m.streams, name)
    return marks
