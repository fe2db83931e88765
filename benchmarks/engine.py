"""What the engine adds: its CPU per token and memory per stream over a bare loop of the same library, and
``floor`` over a C epoll loop that only reads. Side by side in one run, on the same cores, as ratios.

    python benchmarks/engine.py [--streams 1000] [--rounds 3] [--clients requests,aiohttp,…]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from loadgen.lab import cell as lab_cell
from loadgen.lab import limits, plan
from loadgen.lab.listener import Silent
from loadgen.model import Cell, Client, Load, Scenario, Simulator, Target
from loadgen.simulator.process import Process

HERE = Path(__file__).parent
RAMP = 1.0


def pinned(command: list[str], cores: tuple[int, ...]) -> str:
    if cores and shutil.which("taskset"):
        command = ["taskset", "-c", ",".join(map(str, cores)), *command]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def in_engine(cell: Cell, simulator: Process) -> tuple[float, float]:
    """CPU microseconds per token and KiB per stream."""
    simulator.reset()
    recording = lab_cell.record(cell, Silent(), lambda: False, simulator.record)
    first, last = recording.edges
    at, count = recording.arrivals["at"], recording.arrivals["count"]
    tokens = int(count[(at > first.at) & (at <= last.at)].sum())
    assert first.cpu_ns is not None
    assert last.cpu_ns is not None
    assert recording.base_rss_kib is not None
    peak = int(recording.samples["peak_rss_kib"].max())
    return (last.cpu_ns - first.cpu_ns) / 1e3 / tokens, (peak - recording.base_rss_kib) / cell.concurrency


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument("--clients", default="requests,httpx-sync,httpx-async,aiohttp,floor")
    asked = parser.parse_args()
    limits.raise_open_files()
    cores = plan.cores()
    names = asked.clients.split(",")
    spec = Simulator(ttft=0.3, gap=0.05, tokens=asked.tokens, jitter=0.5)
    found: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in names}
    compiler = shutil.which("gcc") or shutil.which("cc")
    with tempfile.TemporaryDirectory() as folder, Process.start(spec, cores=cores.simulator) as simulator:
        loop = f"{folder}/epoll"
        if compiler:
            subprocess.run([compiler, "-O2", "-D_GNU_SOURCE", "-o", loop, str(HERE / "epoll.c")], check=True)
        scenario = Scenario(
            name="engine",
            target=Target(url=simulator.url),
            clients=tuple(Client(name) for name in names),
            concurrency=(asked.streams,),
            load=Load(requests=1, ramp=RAMP, warmup=RAMP),
            prompts=("p",),
            model="m",
        )
        port = simulator.url.rpartition(":")[2]
        for _ in range(asked.rounds):
            for cell in plan.cells(scenario, simulator.url, cores.engine):
                name = cell.client.name
                cpu, memory = in_engine(cell, simulator)
                simulator.reset()
                if name == "floor":
                    if not compiler:
                        continue
                    tokens, us = map(
                        float, pinned([loop, port, str(asked.streams), "m", "p"], cores.engine).split()
                    )
                    found[name].append((cpu, us / tokens, memory, float("nan")))
                else:
                    command = [
                        sys.executable,
                        str(HERE / "bare.py"),
                        name,
                        simulator.url,
                        str(asked.streams),
                        str(RAMP),
                    ]
                    bare = json.loads(pinned(command, cores.engine))
                    found[name].append((cpu, bare["cpu_us_per_token"], memory, bare["kib_per_stream"]))
    print(
        f"{asked.streams} streams x {asked.tokens} tokens, 20 tokens/s each; median of {asked.rounds} rounds"
    )
    print(
        f"{'client':<12} {'CPU µs/token':>13} {'bare':>8} {'ratio':>6}   {'KiB/stream':>10} {'bare':>8} {'ratio':>6}"
    )
    for name, rows in found.items():
        if not rows:
            print(f"{name:<12} no C compiler: not compared")
            continue
        cpu, bare, memory, bare_memory = (statistics.median(column) for column in zip(*rows, strict=True))
        ratio = statistics.median(row[0] / row[1] for row in rows)
        told = "   (bare: C epoll loop)" if name == "floor" else ""
        print(
            f"{name:<12} {cpu:13.1f} {bare:8.1f} {ratio:6.2f}   "
            f"{memory:10.1f} {bare_memory:8.1f} {memory / bare_memory:6.2f}{told}"
        )


if __name__ == "__main__":
    main()
