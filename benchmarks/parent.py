"""Measure the parent's CPU time beside the engine's, with many streams that are paced as answers of a model are.

    python benchmarks/parent.py [--streams 1000] [--seconds 10] [--clients floor,aiohttp] [--rounds 1]

The parent is this process with all its threads: it reads the engine's reports, samples the engine, saves, and draws its
progress on a terminal that nobody sees. Both are measured from the first progress to the last in the measured window:
what a cell costs once is for overhead.py. Streams have 100 tokens, 20 per second each.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from loadgen.lab.run import run
from loadgen.model import ClientId, Level, Load, Progress, Prompt, Scenario, Simulator, Target, Workload
from loadgen.report.progress import OnTerminal
from loadgen.store import load

LINE = 0.05


class Watch(OnTerminal):
    """Notes the CPU time of this process at the progress of each cell: when, and how much, in nanoseconds."""

    def __init__(self, console: Console, scenario: Scenario) -> None:
        super().__init__(console, scenario)
        self.at: list[tuple[int, int]] = []

    def progress(self, progress: Progress) -> None:
        super().progress(progress)
        self.at.append((time.perf_counter_ns(), time.process_time_ns()))


def shares(scenario: Scenario) -> list[float]:
    """Return the parent's CPU time ÷ the engine's, of every cell."""
    with open(os.devnull, "w") as nowhere, tempfile.TemporaryDirectory() as folder:
        watch = Watch(Console(file=nowhere, force_terminal=True, width=120), scenario)
        ran = run(scenario, Path(folder) / "run", watch)
        assert not ran.failure, ran.failure
        found = []
        for recording in load(Path(folder) / "run").recordings:
            samples = recording.cpu_samples
            opens, closes = recording.window
            (begin, own), *_, (end, after) = [each for each in watch.at if opens <= each[0] <= closes]
            engine = np.diff(np.interp([begin, end], samples.at, samples.cpu_ns))[0]
            found.append((after - own) / float(engine))
            print(
                f"{recording.client.label:<12} of a core: engine {engine / (end - begin):6.1%}, "
                f"parent {(after - own) / (end - begin):6.2%}; parent ÷ engine {found[-1]:6.1%}"
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--clients", default="floor,aiohttp")
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    for name in arguments.clients.split(","):
        scenario = Scenario(
            name="parent",
            target=Target(simulator=Simulator(ttft=0.1, gap=0.05, tokens=100, distribution="constant")),
            clients=(ClientId(name),),
            levels=(Level(streams=arguments.streams),),
            workload=Workload(
                prompts=(Prompt("p"),),
                load=Load(duration=arguments.seconds, ramp=min(2.0, arguments.seconds / 2)),
            ),
            repeats=arguments.rounds,
        )
        found = statistics.median(shares(scenario))
        print(f"{name}: {found:.1%} (line: {LINE:.0%})")


if __name__ == "__main__":
    main()
