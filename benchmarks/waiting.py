"""Compare the waiting of real streams at a simulator with one slot and exponential service with M/M/1.

    python benchmarks/waiting.py [--utilisation 0.8] [--service 0.05] [--duration 240] [--clients floor,aiohttp]

An open load of Poisson arrivals is measured, then a closed loop of two streams, which keeps the same server busier.
What a stream waits is its TTFT from the schedule less the time that the server reports for its service. The interval
of the mean is that of the regenerative method: cycles begin with each arrival that finds nobody; Student's t, 99 %.
It has to hold the textbook's mean, ρ / (μ - λ), with λ as asked for and μ as served: a simulator that is a little
late serves more slowly than it was set to, and at 80 % each percent of that is six of the wait.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import loadgen
from loadgen.analysis.measures import Measured
from loadgen.model import Recording

Seconds = NDArray[np.float64]
BATCHES = 20
CONFIDENCE = 0.99
SCENARIO = """
name: waiting
target: {{simulator: {{ttft: {service}, tokens: 1, distribution: exponential, parallel: 1, seed: {seed}}}}}
prompts: ["p"]
clients: [{clients}]
{level}
load: {{duration: {duration}}}
stop: {{overload: off}}
remeasure: 0
repeats: 1
seed: {seed}
"""


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


def regenerative(values: Seconds, begins: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the interval of the mean of values in independent cycles (Crane and Iglehart 1975)."""
    cycle = np.cumsum(begins) - 1
    sums, numbers = np.bincount(cycle, values), np.bincount(cycle)
    mean, cycles = float(sums.sum() / numbers.sum()), len(sums)
    spread = np.sqrt(((sums - mean * numbers) ** 2).sum() / (cycles - 1))
    half = stats.t.ppf((1 + CONFIDENCE) / 2, cycles - 1) * spread / np.sqrt(cycles) / numbers.mean()
    return mean - float(half), mean + float(half)


def measured(recording: Recording) -> tuple[Seconds, Seconds, Seconds]:
    """Return when each stream was due, how long it waited, and how long it was served, in the order of the schedule."""
    m = Measured(recording)
    order = np.argsort(m.streams.due, kind="stable")
    of = m.reported
    service = np.maximum([of.load_ns, of.prompt_ns, of.decode_ns], 0).sum(axis=0)
    first = m.ttft_corrected if m.scheduled.any() else m.ttft
    waited = np.maximum(first - service, 0)
    due, waited, service = (
        values[order] / 1e9 for values in (m.streams.due - recording.start, waited, service)
    )
    return due, waited, service


def empty(due: Seconds, waited: Seconds, service: Seconds) -> NDArray[np.bool_]:
    """Return which arrivals find nobody there."""
    ends = np.maximum.accumulate(due + waited + service)
    return np.concatenate([[True], due[1:] >= ends[:-1]])


def run(folder: Path, level: str, **values: Any) -> loadgen.Run:
    """Measure one level."""
    path = folder / "waiting.yaml"
    path.write_text(SCENARIO.format(level=level, **values))
    return loadgen.run(path, out=folder / level.partition(":")[0])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--utilisation", type=float, default=0.8)
    parser.add_argument("--service", type=float, default=0.05)
    parser.add_argument("--duration", type=float, default=240.0)
    parser.add_argument("--clients", default="floor,aiohttp")
    parser.add_argument("--seed", type=int, default=1)
    of = parser.parse_args()
    rate = of.utilisation / of.service
    given = {"service": f"{of.service}s", "clients": of.clients, "seed": of.seed}
    print(f"{'load':<14} {'client':<12} {'busy':>6} {'wait ms':>8} {'interval':>18} {'M/M/1':>8}")
    with tempfile.TemporaryDirectory() as name:
        for level, seconds in ((f"rate: {rate:g}", of.duration), ("concurrency: 2", of.duration / 4)):
            for recording in run(Path(name), level, duration=f"{seconds}s", **given).recordings:
                due, waited, service = measured(recording)
                busy = service.sum() / (due[-1] + waited[-1] + service[-1])
                line = f"{level:<14} {recording.client.label:<12} {busy:6.1%} {1000 * waited.mean():8.1f}"
                if recording.level.rate:
                    low, high = regenerative(waited, empty(due, waited, service))
                    mu = 1 / service.mean()
                    theory = rate / mu / (mu - rate)
                    line += f" {1000 * low:8.1f} – {1000 * high:7.1f} {1000 * theory:8.1f}"
                    line += "" if low < theory < high else "  beyond"
                print(line)


if __name__ == "__main__":
    main()
