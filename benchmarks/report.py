"""Measure the report of a run of a million streams of ten tokens: seconds, CPU, peak memory, and its parts.

    python benchmarks/report.py [--shape long|many] [--streams N] [--csv] [--keep FOLDER]

Makes a run folder as an engine leaves one, then runs ``loadgen report RUN`` on it in a fresh process and prints what
that process took. ``long`` is one cell of a million streams, in the files that the spool writes; ``many`` is four
clients at three levels with three repeats.
``--csv`` asks for streams.csv too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadgen.model import Recording

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

CLIENTS = (("requests", "threads"), ("httpx-sync", "threads"), ("httpx-async", "tasks"), ("aiohttp", "tasks"))
LEVELS = (10, 100, 1000)
REPEATS = 3
TOKENS_PER_STREAM = 10
FILE_STREAMS = 32_000  # about what the spool writes into one file

# Runs the command, and prints the seconds of its parts. What is nested counts for the outer part too.
CHILD = """
import atexit, importlib, json, resource, sys, time
began = time.perf_counter()
parts = {}
def timed(module, name, part):
    of = importlib.import_module(module)
    function = getattr(of, name)
    def wrapper(*args, **kwargs):
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            parts[part] = parts.get(part, 0) + time.perf_counter() - start
    setattr(of, name, wrapper)
import loadgen.api, loadgen.report.document, loadgen.report.renderers.csv
imported = time.perf_counter()
timed("loadgen.store", "load", "load_s")
timed("loadgen.analysis", "summarise", "summarise_s")
timed("loadgen.api", "findings", "findings_s")
timed("loadgen.report.renderers.csv", "samples", "samples_csv_s")
timed("loadgen.report.renderers.csv", "summary", "summary_csv_s")
timed("loadgen.report.document", "html", "html_s")
def end():
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({
        "import_s": round(imported - began, 2),
        **{name: round(seconds, 2) for name, seconds in parts.items()},
        "wall_s": round(time.perf_counter() - began, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_rss_mib": round(int(peak) / 1024),
    }))
atexit.register(end)
sys.argv = ["loadgen", "report", *sys.argv[1:], "--quiet"]
from loadgen.cli import main
main()
"""


def cells(shape: str, streams: int) -> Iterator[tuple[dict[str, object], int]]:
    """Yield the client, level and repeat of each cell, and how many streams it has."""
    if shape == "long":
        yield (
            {
                "client": "aiohttp",
                "mode": "tasks",
                "concurrency": min(1000, streams),
                "repeat": 0,
                "index": 0,
            },
            streams,
        )
        return
    own = max(1, streams // (len(CLIENTS) * len(LEVELS) * REPEATS))
    plan = [(r, level, *client) for r in range(REPEATS) for level in LEVELS for client in CLIENTS]
    for index, (repeat, level, client, mode) in enumerate(plan):
        cell = {
            "client": client,
            "mode": mode,
            "concurrency": min(level, own),
            "repeat": repeat,
            "index": index,
        }
        yield cell, own


def make(folder: Path, shape: str, streams: int) -> None:
    """Make a run folder with every column that an engine fills."""
    import numpy as np

    from loadgen.model import CpuSampleTable
    from tests import synthetic

    made = []
    for cell, own in cells(shape, streams):
        whole = synthetic.recording(
            **cell,  # type: ignore[arg-type]
            streams=own,
            tokens=TOKENS_PER_STREAM,
            jitter=0.5,
            lag_jitter=1.0,
            ramp_ms=2000,
            warmup_ms=1000,
            sent_ms=1.0,
            opening_ms=(-1, 0.3, -1),
            outcomes={"reset": own // 1000},
        )
        chance = np.random.default_rng(own)
        table = whole.streams
        table = replace(
            table,
            sent=table.start + chance.integers(100_000, 2_000_000, own),
            connect_ns=chance.integers(100_000, 900_000, own),
            drain_ns=chance.integers(10_000, 90_000, own),
            first_answer=np.where(table.headers >= 0, table.headers + 100_000, -1),
            port=chance.integers(32768, 60999, own),
            prompt=np.zeros(own, dtype=np.int64),
            thinking_events=np.zeros(own, dtype=np.int64),
            tool_call_events=np.zeros(own, dtype=np.int64),
            refusal_events=np.zeros(own, dtype=np.int64),
            http=np.full(own, "HTTP/1.1", dtype=object),
            finish_reason=np.full(own, "stop", dtype=object),
        )
        at = np.arange(whole.start, int(table.end.max()), 10_000_000)
        ran = CpuSampleTable(at=at, cpu_ns=(at - at[0]) // 2, run_wait_ns=(at - at[0]) // 100)
        made.append(replace(whole, streams=table, cpu_samples=ran))
    run = synthetic.run(folder, made)
    synthetic.save(folder, run.info, [part for whole in made for part in _files(whole)])


def _files(whole: Recording) -> Iterator[Recording]:
    """Yield the recording in the order in which streams end, in files as the spool writes them."""
    import numpy as np

    from loadgen import store

    order = np.argsort(whole.streams.end, kind="stable")
    for number, begin in enumerate(range(0, len(order), FILE_STREAMS)):
        rows = order[begin : begin + FILE_STREAMS]
        reads = store._rows_of(whole.streams.reads, rows)
        stamps = store._rows_of(whole.streams.stamped, rows)
        last = begin + FILE_STREAMS >= len(order)
        share = slice(None) if last else slice(0, 0)
        yield replace(
            whole,
            number=number,
            streams=whole.streams.rows(rows),
            arrivals=whole.arrivals.rows(reads),
            stamps=whole.stamps.rows(stamps),
            samples=whole.samples.rows(share),
            cpu_samples=whole.cpu_samples.rows(share),
        )


def measure(folder: Path, csv: bool = False) -> dict[str, float]:
    """Make the report of a run folder in a fresh process and return what that took."""
    arguments = [str(folder), *(["--streams"] if csv else [])]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], check=True, capture_output=True, text=True, cwd=ROOT
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", choices=("long", "many"), action="append")
    parser.add_argument("--streams", type=int, default=1_000_000)
    parser.add_argument("--csv", action="store_true")
    parser.add_argument(
        "--keep", type=Path, help="make the run folders in this folder, or measure those that are there"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for shape in asked.shape or ("long", "many"):
            folder = (asked.keep or Path(temporary)) / shape
            if not folder.exists():
                subprocess.run(
                    [
                        sys.executable,
                        "-c",
                        f"from benchmarks import report; from pathlib import Path; "
                        f"report.make(Path({str(folder)!r}), {shape!r}, {asked.streams})",
                    ],
                    check=True,
                    cwd=ROOT,
                )
            print(f"{shape}:")
            for name, value in measure(folder, asked.csv).items():
                print(f"  {name:14} {value:,}")


if __name__ == "__main__":
    main()
