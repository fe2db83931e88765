"""Measure the time of a cell beside its own streams, and ``loadgen --help`` beside an interpreter.

    python benchmarks/overhead.py [--rounds 5] [--clients requests,aiohttp,…]

A cell's overhead is the time from its beginning to the next one's (fresh engine, simulator log and writing the file
included), minus the time from the start of its first stream to the end of its last.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from loadgen import model
from loadgen.lab.run import run
from loadgen.model import (
    Cell,
    ClientId,
    Level,
    Load,
    Prompt,
    Recording,
    Scenario,
    Simulator,
    Target,
    Workload,
)

CELL_LINE = 0.7
HELP_LINE = (1.5, 0.1)  # times the interpreter's, plus seconds


class Watch(model.Listener):
    """Notes when every cell begins and ends, and what its streams took."""

    def __init__(self) -> None:
        self.costs: dict[str, list[float]] = {}
        self._begun = 0.0

    def cell_begins(self, cell: Cell) -> None:  # noqa: ARG002
        self._begun = time.perf_counter()

    def cell_ends(self, parts: Sequence[Recording]) -> None:
        took = time.perf_counter() - self._begun
        (recording,) = parts
        streams = recording.streams
        assert set(streams.outcome) == {"ok"}
        own = (int(streams.end.max()) - int(streams.start.min())) / 1e9
        self.costs.setdefault(recording.client.label, []).append(took - own)


def cells(names: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """Return the seconds beside the streams, for every cell of every client."""
    watch = Watch()
    scenario = Scenario(
        name="overhead",
        target=Target(simulator=Simulator(ttft=0.1, gap=0.01, tokens=20, distribution="constant")),
        clients=tuple(ClientId(name) for name in names),
        levels=(Level(streams=10),),
        workload=Workload(prompts=(Prompt("p"),), load=Load(requests=1)),
        repeats=rounds,
    )
    with tempfile.TemporaryDirectory() as folder:
        ran = run(scenario, Path(folder) / "run", watch)
        assert not ran.failure, ran.failure
    return watch.costs


def commands(rounds: int) -> tuple[float, float]:
    """Median seconds of ``loadgen --help`` and of the bare interpreter, in turn."""
    both = ([sys.executable, "-m", "loadgen", "--help"], [sys.executable, "-c", "import typing, argparse"])
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for command, times in zip(both, took, strict=True):
            begun = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - begun)
    return statistics.median(took[0]), statistics.median(took[1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", default="requests,httpx-sync,httpx-async,aiohttp")
    arguments = parser.parse_args()
    print(f"a cell beside its own streams, median of {arguments.rounds} (line: {CELL_LINE} s)")
    for name, costs in sorted(cells(arguments.clients.split(","), arguments.rounds).items()):
        print(f"  {name:<12} {statistics.median(costs):6.3f} s   {min(costs):6.3f} to {max(costs):6.3f}")
    help_s, bare = commands(2 * arguments.rounds)
    line = HELP_LINE[0] * bare + HELP_LINE[1]
    print(
        f"loadgen --help {help_s:.3f} s, python {bare:.3f} s (line: {HELP_LINE[0]} x + {HELP_LINE[1]} s = {line:.3f} s)"
    )


if __name__ == "__main__":
    main()
