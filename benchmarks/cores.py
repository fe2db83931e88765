"""Measure what a second core brings a client: its CPU per token with N streams on one engine, and 2 N on two.

    python benchmarks/cores.py [--clients floor,httpx-async] [--streams 200] [--engines 2] [--rounds 3] [--seconds 8]
    python benchmarks/cores.py --limit [--clients floor] [--engines 2]

Bound, before any figure: k engines shall carry at least 0.9 k times the streams of one (1.8 for two).

**By CPU.** An engine has the same number of streams at 20 tokens/s in both, so its core carries as many with others
beside it as alone, if a token costs it the same CPU time. ``grows`` is k times CPU per token of one engine, divided by
that of k: how many times the streams of one core k cores carry. It shows what engines take from one another (memory
bandwidth, caches, locks of the kernel). It does not show what they take from the simulator, on a machine with k cores,
which shares them with the engines; that is ``at most``: k times the larger CPU per token of the
two, divided by their sum. Where it is below the bound, as for `floor` on two cores, no wall-clock figure
can hold that here.

**By search** (``--limit``), on k + 1 cores or more: `loadgen limit`, lag p99 within 10 ms, on one engine and on k.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import loadgen
from loadgen import proc
from loadgen.model import Simulator
from loadgen.simulator.process import Process

GAP_S, TOKENS = 0.05, 60
SCENARIO = """
name: cores
target: {{{target}}}
prompts: ["p"]
clients: [{client}]
concurrency: [{streams}]
engines: {engines}
remeasure: 0
load: {{duration: {seconds}s, ramp: 3s, warmup: 3s}}
"""


def by_cpu(client: str, streams: int, engines: int, rounds: int, seconds: int) -> None:
    """Print CPU per token on one engine and on several, in turn, and how many times as much several carry."""
    costs: dict[int, list[float]] = {1: [], engines: []}
    simulator: list[float] = []
    with tempfile.TemporaryDirectory() as folder, Process(Simulator(gap=GAP_S, tokens=TOKENS)) as server:
        for number in range(rounds):
            for k, found in costs.items():
                path = Path(folder, "cores.yaml")
                path.write_text(
                    SCENARIO.format(
                        target=f'url: "{server.url}"',
                        client=client,
                        streams=k * streams,
                        engines=k,
                        seconds=seconds,
                    )
                )
                before = proc.sample(server.pid).cpu_ns or 0
                run = loadgen.run(path, out=Path(folder, f"{number}-{k}"))
                used = (proc.sample(server.pid).cpu_ns or 0) - before
                row = run.summary().iloc[0]
                found.append(float(row.cpu_us_per_token))
                simulator.append(used / 1e3 / float(run.streams().tokens.sum()))
    one, several = median(costs[1]), median(costs[engines])
    at_most = engines * max(one, median(simulator)) / (several + median(simulator))
    print(
        f"{client}: {one:.1f} µs per token on 1 engine ({streams:,} streams), {several:.1f} on {engines} "
        f"({engines * streams:,}); grows {engines * one / several:.2f} × (bound {0.9 * engines:.2f}); "
        f"simulator {median(simulator):.1f} µs per token: at most {at_most:.2f} × where it shares the cores"
    )


def by_search(client: str, engines: int) -> None:
    """Print how many streams a client carries on one core and on several."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cores.yaml")
        target = f"simulator: {{gap: {GAP_S * 1000:.0f}ms, tokens: {TOKENS}}}"
        path.write_text(SCENARIO.format(target=target, client=client, streams=1, engines=1, seconds=8))
        for k in (1, engines):
            command = ["limit", str(path), "--engines", str(k), "--lag-p99", "10ms", "--json"]
            command += ["--out", str(Path(folder, str(k)))]
            done = subprocess.run(
                [sys.executable, "-m", "loadgen", *command], check=False, capture_output=True, text=True
            )
            if not done.stdout:
                sys.exit(done.stderr)
            found[k] = json.loads(done.stdout)["clients"][0]["at_least"]
    print(
        f"{client}: {found[1]:,} streams on 1 core, {found[engines]:,} on {engines}: {found[engines] / found[1]:.2f} ×"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each client."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", default="floor,httpx-async")
    parser.add_argument("--streams", type=int, default=200, help="of one engine")
    parser.add_argument("--engines", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--limit", action="store_true", help="search, on more cores than engines")
    flags = parser.parse_args(arguments)
    for client in flags.clients.split(","):
        if flags.limit:
            by_search(client, flags.engines)
        else:
            by_cpu(client, flags.streams, flags.engines, flags.rounds, flags.seconds)


if __name__ == "__main__":
    main()
