"""Measure what the engine adds: its CPU per token and memory per stream over a bare loop of the same library, and
``floor`` over a C epoll loop that only reads and, if it is installed, over k6. Both sides run on the same cores.

    python benchmarks/engine.py [--streams 1000] [--rounds 3] [--clients requests,aiohttp,…]

CPU is measured at 20 tokens/s per stream, over the whole cell, connects included; for ``floor`` after the ramp, except
in the comparison with k6, which counts from the start of its process. Memory is measured in a separate pass, with a
long wait for the first token and few tokens, so that every stream is open at once on both sides. ``open`` is the number
of streams that the server saw, engine first: if it is far below the number requested, the client was overloaded.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from loadgen.engine.system import raise_open_files
from loadgen.lab import plan
from loadgen.lab.engine import record
from loadgen.model import Cell, ClientId, Level, Listener, Load, Prompt, Scenario, Simulator, Target, Workload
from loadgen.preflight import cores
from loadgen.simulator.process import Process

HERE = Path(__file__).parent
CORES = cores.cores()


class Cost(NamedTuple):
    """CPU microseconds per token, KiB per stream, how many streams the server saw open at once, and voluntary context
    switches per token."""

    cpu: float
    memory: float
    open: int
    switches: float = float("nan")


def pinned(command: list[str]) -> str:
    if CORES.engine and shutil.which("taskset"):
        command = ["taskset", "-c", ",".join(map(str, CORES.engine)), *command]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def in_engine(cell: Cell, server: Process) -> Cost:
    server.reset()
    with cores.pinned(CORES.lab):  # as in a run: not on the engine's core
        recording = record(cell, Listener(), lambda: False)
    first, last = recording.edges
    at, count = recording.arrivals.at, recording.arrivals.count
    tokens = int(count[(at > first.at) & (at <= last.at)].sum())
    assert first.cpu_ns is not None
    assert last.cpu_ns is not None
    assert recording.base_rss_kib is not None
    assert first.voluntary is not None
    assert last.voluntary is not None
    switches = (last.voluntary - first.voluntary) / tokens
    grown = int(recording.samples.peak_rss_kib.max()) - recording.base_rss_kib
    return Cost(
        (last.cpu_ns - first.cpu_ns) / 1e3 / tokens,
        grown / cell.max_streams,
        server.log().open_peak,
        switches,
    )


def bare(cell: Cell, server: Process) -> Cost:
    server.reset()
    output = pinned(
        [
            sys.executable,
            str(HERE / "bare.py"),
            cell.client.name,
            cell.url,
            str(cell.level.streams),
            str(cell.workload.load.ramp),
        ]
    )
    found = json.loads(output)
    seen = server.log().open_peak
    return Cost(found["cpu_us_per_token"], found["kib_per_stream"], seen, found["switches_per_token"])


def c_loop(loop: str, cell: Cell, server: Process) -> Cost:
    server.reset()
    tokens, us = map(
        float, pinned([loop, cell.url.rpartition(":")[2], str(cell.level.streams), "m", "p"]).split()
    )
    return Cost(us / tokens, float("nan"), server.log().open_peak)


def k6_whole(cell: Cell, server: Process, tokens: int) -> Cost:
    """All that the process took, by its tokens."""
    server.reset()
    cpu = _k6_cpu(cell, tokens) * 1e6 / tokens / cell.max_streams
    return Cost(cpu, float("nan"), server.log().open_peak)


def k6_further(cell: Cell, server: Process, tokens: int) -> Cost:
    """A further token: answers of that many tokens less answers of one."""
    whole = k6_whole(cell, server, tokens)
    one = k6_whole(cell, server, 1)
    return whole._replace(cpu=(whole.cpu * tokens - one.cpu) / (tokens - 1))


def _k6_cpu(cell: Cell, tokens: int) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {"URL": cell.url, "STREAMS": cell.level.streams, "TOKENS": tokens}
    options = [part for name, value in environment.items() for part in ("-e", f"{name}={value}")]
    pinned(["k6", "run", "--quiet", "--no-usage-report", *options, str(HERE / "k6.js")])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(
    names: list[str],
    streams: int,
    rounds: int,
    ramp: float,
    spec: Simulator,
    other: Callable[[Cell, Process], Cost],
    warmup: float = 0.0,
) -> dict[str, list[tuple[Cost, Cost]]]:
    """Engine and the other side, one after the other, cell by cell; which is first alternates."""
    found: dict[str, list[tuple[Cost, Cost]]] = {name: [] for name in names}
    sides = [in_engine, other]
    with Process(spec, cores=CORES.simulator) as server:
        scenario = Scenario(
            name="engine",
            target=Target(url=server.url),
            clients=tuple(ClientId(name) for name in names),
            levels=(Level(streams=streams),),
            workload=Workload(
                prompts=(Prompt("p"),), load=Load(requests=1, ramp=ramp, warmup=warmup), model="m"
            ),
            repeats=rounds,
        )
        for cell in plan.cells(scenario, server.url, CORES.engine):
            costs = {side: side(cell, server) for side in sides}
            found[cell.client.name].append((costs[in_engine], costs[other]))
            sides.reverse()
    return found


def table(title: str, figure: str, found: dict[str, list[tuple[Cost, Cost]]]) -> None:
    print(f"\n{title}")
    print(f"{'client':<12} {'engine':>8} {'other':>8} {'ratio':>6}  {'open':>13}")
    for name, pairs in found.items():
        ours = statistics.median(getattr(one, figure) for one, _ in pairs)
        theirs = statistics.median(getattr(other, figure) for _, other in pairs)
        ratio = statistics.median(getattr(one, figure) / getattr(other, figure) for one, other in pairs)
        seen = f"{min(one.open for one, _ in pairs)}/{min(other.open for _, other in pairs)}"
        print(f"{name:<12} {ours:8.2f} {theirs:8.2f} {ratio:6.2f}  {seen:>13}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument(
        "--ramp", type=float, default=1.0, help="seconds; the memory pass takes five times as long"
    )
    parser.add_argument("--clients", default="requests,httpx-sync,httpx-async,aiohttp,floor")
    arguments = parser.parse_args()
    raise_open_files()
    names = arguments.clients.split(",")
    libraries = [name for name in names if name != "floor"]
    fast = Simulator(ttft=0.3, gap=0.05, tokens=arguments.tokens, jitter=0.5)
    slow = Simulator(ttft=6 * arguments.ramp, gap=0.25, tokens=20)
    print(f"{arguments.streams} streams, median of {arguments.rounds} rounds")
    if libraries:
        costs = compare(libraries, arguments.streams, arguments.rounds, arguments.ramp, fast, bare)
        table(f"CPU µs per token, {arguments.tokens} tokens at 20/s; other: a bare loop", "cpu", costs)
        table("voluntary context switches per token, in the same cells", "switches", costs)
        costs = compare(libraries, arguments.streams, arguments.rounds, 5 * arguments.ramp, slow, bare)
        table("KiB per stream; other: a bare loop", "memory", costs)
    if "floor" in names:
        floor(arguments, fast)


def floor(arguments: argparse.Namespace, spec: Simulator) -> None:
    """Compare floor with the least that others need."""

    def row(title: str, other: Callable[[Cell, Process], Cost], warmup: float = arguments.ramp) -> None:
        costs = compare(["floor"], arguments.streams, arguments.rounds, arguments.ramp, spec, other, warmup)
        table(f"CPU µs per token; other: {title}", "cpu", costs)

    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler:
        with tempfile.TemporaryDirectory() as folder:
            loop = f"{folder}/epoll"
            subprocess.run([compiler, "-O2", "-D_GNU_SOURCE", "-o", loop, str(HERE / "epoll.c")], check=True)
            row(
                "a C epoll loop that only reads, after the ramp",
                lambda cell, server: c_loop(loop, cell, server),
            )
    else:
        print("no C compiler: floor is not compared with a C loop")
    if shutil.which("k6"):
        row("k6, a further token", lambda cell, server: k6_further(cell, server, arguments.tokens))
        row(
            "k6, its whole process", lambda cell, server: k6_whole(cell, server, arguments.tokens), warmup=0.0
        )
    else:
        print("no k6: floor is not compared with it")


if __name__ == "__main__":
    main()
