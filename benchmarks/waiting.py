"""Compare the waiting of real streams at a simulator with one slot and exponential service with M/M/1.

    python benchmarks/waiting.py [--rate 16] [--utilisation 0.8] [--duration 120] [--clients floor,aiohttp] [--repeats
    1]

An open load of Poisson arrivals is measured, and then a closed loop that keeps the same server at least as busy. What
a stream waits is its TTFT from the schedule less the time that the server reports for its service. The interval of
the mean is that of batch means: 20 batches of streams that follow one another, Student's t, 99 %. It has to have the
textbook's mean, ρ / (μ - λ), with λ and μ as they were measured: a server that is late serves more slowly than it was
set to, and at 80 % each percent of that is five of the wait.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Seconds = NDArray[np.float64]
BATCHES = 20
CONFIDENCE = 0.99


def waits(due: Seconds, service: Seconds) -> Seconds:
    """Return how long each waits for one server, first come first served (Lindley 1952)."""
    steps = np.cumsum(np.concatenate([[0.0], service[:-1] - np.diff(due)]))
    found: Seconds = steps - np.minimum.accumulate(steps)
    return found


def batch_means(values: Seconds) -> tuple[float, float]:
    """Return the interval of the mean of values that depend on those before."""
    means = [float(batch.mean()) for batch in np.array_split(values, BATCHES)]
    half = stats.t.ppf((1 + CONFIDENCE) / 2, BATCHES - 1) * np.std(means, ddof=1) / np.sqrt(BATCHES)
    return float(np.mean(means) - half), float(np.mean(means) + half)
