"""Measure how the memory of engine, parent and simulator grows over very many short streams of one cell.

    python benchmarks/memory.py [--streams-total 300000] [--slots 50] [--client floor] [--rate 500]

Every stream is one token long. The load is closed, or with ``--rate`` open. Prints the resident memory of the three
processes at each tenth of the run, and the growth in bytes per stream from the first reading at which two files of
the cell are full (``MAX_FILE_BYTES`` of ``loadgen.lab.spool``: about 50,000 streams each) to the last. By then one full
file has been written while the next one filled, which is the most that is kept, and from there on each process must
stay flat; a shorter run says nothing of the parent. The parent is this process, and saves as a run does. When the cell
has ended it judges it and prints its row, as a run does too: the peak of its memory meanwhile is printed as well, above
that of the last reading, per stream.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from mmap import PAGESIZE
from pathlib import Path

from rich.console import Console

from loadgen import proc, processes
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
from loadgen.report.progress import Plain
from loadgen.report.sentences.remeasured import why_disturbed

FULL = 2  # files, from which on growth counts
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


class Watch(Plain):
    """Notes the memory each time that a further tenth of the streams has ended."""

    def __init__(self, console: Console, scenario: Scenario, total: int, folder: Path) -> None:
        super().__init__(console, scenario)
        self.at: list[tuple[int, dict[str, int]]] = []
        self.full: int | None = None  # the first of them at which enough files were full
        self._total, self._folder = total, folder

    def progress(self, progress: Progress) -> None:
        if progress.ended * 10 >= self._total * (len(self.at) + 1):
            found = memory()
            if self.full is None and len(list(self._folder.glob("arrivals/*.npz"))) > FULL:
                self.full = len(self.at)
            self.at.append((progress.ended, found))
            print(f"{progress.ended:12,}" + "".join(f"{found.get(name, 0) / 2**20:11.1f}" for name in NAMES))
            proc.reset_peak(os.getpid())


NAMES = ("engine", "parent", "simulator")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams-total", type=int, default=300_000)
    parser.add_argument("--slots", type=int, default=50)
    parser.add_argument("--client", default="floor")
    parser.add_argument(
        "--rate", type=float, help="arrivals per second, in place of slots that go on at once"
    )
    arguments = parser.parse_args()
    total, slots, rate = arguments.streams_total, arguments.slots, arguments.rate
    load = Load(arrivals="constant", duration=total / rate) if rate else Load(requests=total // slots)
    scenario = Scenario(
        name="memory",
        target=Target(simulator=Simulator(ttft=0.001, gap=0.001, tokens=1, distribution="constant")),
        clients=(ClientId(arguments.client),),
        levels=(Level(rate=rate) if rate else Level(streams=slots),),
        workload=Workload(prompts=(Prompt("p"),), load=load),
        repeats=1,
    )
    print(f"{'streams':>12}" + "".join(f"{name:>11}" for name in NAMES) + "   MiB")
    with open(os.devnull, "w") as nowhere, tempfile.TemporaryDirectory() as folder:
        watch = Watch(Console(file=nowhere, width=120), scenario, total, Path(folder) / "run")
        ran = run(scenario, Path(folder) / "run", watch, judge=why_disturbed)
        assert not ran.failure, ran.failure
    assert watch.at, "no stream ended before the run was over"
    peak, (ended, during) = (proc.sample(os.getpid()).peak_rss_kib or 0) * 1024, watch.at[-1]
    above = (peak - during["parent"]) / ended
    print(
        f"parent, its peak after the cell: {peak / 2**20:.1f} MiB, {above:.1f} bytes per stream above the last reading"
    )
    if watch.full is None or len(watch.at) <= watch.full + 1:
        print("too few readings after two files were full to tell growth: more streams are needed")
        return
    (before, first), (after, last) = watch.at[watch.full], watch.at[-1]
    growth = (f"{name} {(last.get(name, 0) - first.get(name, 0)) / (after - before):.1f}" for name in NAMES)
    print(f"growth from {before:,} to {after:,} streams, bytes per stream: {', '.join(growth)}")


if __name__ == "__main__":
    main()
