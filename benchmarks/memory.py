"""Measure how the memory of engine, parent and simulator grows over very many short streams of one cell.

    python benchmarks/memory.py [--streams-total 200000] [--slots 50] [--client floor] [--rate 500]

Every stream is one token long. The load is closed, or with ``--rate`` open. Prints the resident memory of the three
processes at each tenth of the run, and the growth in bytes per stream between the third tenth and the last: what is
saved to disk must be dropped from memory, so that each stays flat. The parent is this process, and saves as a run does.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from mmap import PAGESIZE
from pathlib import Path

from loadgen import model, processes
from loadgen.lab.run import run
from loadgen.model import (
    ClientId,
    Level,
    Load,
    Progress,
    Prompt,
    Scenario,
    Simulator,
    Target,
    Workload,
)

FIRST = 3  # tenth from which on growth counts: before it, caches and buffers fill
ROLES = {"loadgen.engine": "engine", "loadgen.simulator": "simulator"}


def resident(pid: int | str) -> int:
    """Return the bytes in memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGESIZE


def memory() -> dict[str, int]:
    """Return the bytes in memory of this process and of those that it started, by what they are."""
    found = {"parent": resident("self")}
    for each in processes.running():
        if each.parent == os.getpid():
            words = Path(f"/proc/{each.pid}/cmdline").read_text().split("\0")
            found |= {role: resident(each.pid) for module, role in ROLES.items() if module in words}
    return found


class Watch(model.Listener):
    """Notes the memory each time that a further tenth of the streams has ended."""

    def __init__(self, total: int) -> None:
        self.at: list[tuple[int, dict[str, int]]] = []
        self._total = total

    def progress(self, progress: Progress) -> None:
        if progress.ended * 10 >= self._total * (len(self.at) + 1):
            found = memory()
            self.at.append((progress.ended, found))
            print(f"{progress.ended:12,}" + "".join(f"{found.get(name, 0) / 2**20:11.1f}" for name in NAMES))


NAMES = ("engine", "parent", "simulator")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams-total", type=int, default=200_000)
    parser.add_argument("--slots", type=int, default=50)
    parser.add_argument("--client", default="floor")
    parser.add_argument(
        "--rate", type=float, help="arrivals per second, in place of slots that go on at once"
    )
    arguments = parser.parse_args()
    total, slots, rate = arguments.streams_total, arguments.slots, arguments.rate
    load = Load(arrivals="constant", duration=total / rate) if rate else Load(requests=total // slots)
    watch = Watch(total)
    scenario = Scenario(
        name="memory",
        target=Target(simulator=Simulator(ttft=0.001, gap=0.001, tokens=1, distribution="constant")),
        clients=(ClientId(arguments.client),),
        levels=(Level(rate=rate) if rate else Level(streams=slots),),
        workload=Workload(prompts=(Prompt("p"),), load=load),
        repeats=1,
    )
    print(f"{'streams':>12}" + "".join(f"{name:>11}" for name in NAMES) + "   MiB")
    with tempfile.TemporaryDirectory() as folder:
        ran = run(scenario, Path(folder) / "run", watch)
        assert not ran.failure, ran.failure
    assert watch.at, "no stream ended before the run was over"
    if len(watch.at) <= FIRST:
        print("too few readings to tell growth: more streams are needed")
        return
    (before, first), (after, last) = watch.at[FIRST - 1], watch.at[-1]
    growth = (f"{name} {(last.get(name, 0) - first.get(name, 0)) / (after - before):.1f}" for name in NAMES)
    print(f"growth from {before:,} to {after:,} streams, bytes per stream: {', '.join(growth)}")


if __name__ == "__main__":
    main()
