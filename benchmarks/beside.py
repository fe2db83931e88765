"""Measure what watching a server, and exporting a run, do to the measured client: ``python -m benchmarks.beside``.

One client at a constant rate, with answers of a few tokens: in turn alone, with a page of 1,500 metrics that is read
once a second, and with its figures counted and served to a reader once a second. A line for each: start minus due,
delivery lag, and the engine's CPU per stream, medians over the rounds, with their ratio to alone.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from loadgen.analysis.measures import Measured
from loadgen.analysis.metrics.lag import lag
from loadgen.engine.system import raise_open_files
from loadgen.export.figures import Figures
from loadgen.export.prometheus import Prometheus
from loadgen.lab import engine
from loadgen.model import (
    Cell,
    ClientId,
    Level,
    Listener,
    Load,
    Metrics,
    Prompt,
    Scenario,
    Simulator,
    Target,
    Workload,
)  # fmt: skip
from loadgen.preflight.cores import cores, pinned
from loadgen.simulator.process import Process
from loadgen.watch.process import Watcher
from loadgen.watch.sources import Wanted

SERIES = 1500
PAGE = """
import http.server
text = "".join(f'vllm:m{n}_bucket{{engine="0",le="{n}",model_name="a/model"}} {n}.0\\n' for n in range(%d)).encode()
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", str(len(text))); self.end_headers(); self.wfile.write(text)
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Page)
print(server.server_port, flush=True)
server.serve_forever()
"""  # noqa: E501

Beside = Callable[[Cell], contextlib.AbstractContextManager[Listener]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", default="floor")
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    raise_open_files()
    where = cores()
    ways: Mapping[str, Beside] = {"alone": alone, "watched": watched, "exported": exported}
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    load = Load(arrivals="constant", duration=arguments.seconds, max_streams=2000)
    with (
        Process(Simulator(ttft=0.02, gap=0.01, tokens=5), cores=where.simulator) as server,
        pinned(where.lab),
    ):
        cell = Cell(
            index=1, client=ClientId(arguments.client), level=Level(rate=arguments.rate), repeat=0, url=server.url,
            headers={}, workload=Workload(prompts=(Prompt(text="p"),), load=load), seed=0, cores=where.engine,
            simulated=True,
        )  # fmt: skip
        for _ in range(arguments.rounds):
            for name, beside in ways.items():
                server.reset()
                with beside(cell) as listener:
                    found[name].append(figures(cell, listener))
    print("          start p99 ms  lag p99 ms  µs CPU  of alone")
    medians = {
        name: [statistics.median(each) for each in zip(*rows, strict=True)] for name, rows in found.items()
    }
    for name, values in medians.items():
        ratios = " ".join(f"{mine / base:.2f}" for mine, base in zip(values, medians["alone"], strict=True))
        print(f"{name:10} {values[0]:11.3f} {values[1]:11.3f} {values[2]:7.0f}  {ratios}")
    return 0


def figures(cell: Cell, listener: Listener) -> tuple[float, ...]:
    listener.cell_begins(cell)
    recording = engine.record(cell, listener, lambda: False)
    if recording.ended:
        raise SystemExit(recording.ended)
    late = (recording.streams.start - recording.streams.due) / 1e6
    times = lag.formula.times(Measured(recording)).values / 1e6  # type: ignore[union-attr]
    first, last = recording.edges
    cpu_us = ((last.cpu_ns or 0) - (first.cpu_ns or 0)) / 1e3 / len(late)
    return float(np.percentile(late, 99)), float(np.percentile(times, 99)), cpu_us


@contextlib.contextmanager
def alone(_: Cell) -> Iterator[Listener]:
    yield Listener()


@contextlib.contextmanager
def watched(cell: Cell) -> Iterator[Listener]:
    page = subprocess.Popen([sys.executable, "-c", PAGE % SERIES], stdout=subprocess.PIPE, text=True)
    assert page.stdout is not None
    metrics = Metrics(url=f"http://127.0.0.1:{page.stdout.readline().strip()}/metrics")
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / "watched.npz")
            wanted = Wanted(file=file, cell=cell, metrics=metrics, headers={}, nvidia=False, secrets=())
            with Watcher(wanted) as watcher:
                watcher.await_first()
                yield Listener()
    finally:
        page.kill()
        page.communicate()


@contextlib.contextmanager
def exported(cell: Cell) -> Iterator[Listener]:
    scenario = Scenario(
        name="x",
        target=Target(url=cell.url),
        clients=(cell.client,),
        levels=(cell.level,),
        workload=cell.workload,
    )
    made = Figures(scenario)
    page, over = Prometheus(made, ":0"), threading.Event()

    def read() -> None:
        while not over.wait(1.0):
            urllib.request.urlopen(page.url).read()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield made
    finally:
        over.set()
        reader.join()
        page.close()
        made.close()


if __name__ == "__main__":
    raise SystemExit(main())
