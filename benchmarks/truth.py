"""Compare reported TTFT, ITL and total with another server's own record of what it sent and when.

    python benchmarks/truth.py [--streams 100,1000] [--clients requests,aiohttp,…] [--load "duration: 12s, ramp: 2s"]
                               [--workers 0,1] [--within 1]

The server (``paced.py``) shares no code with loadgen and records the true time of every send. Its TTFT is the time from
the complete request to the first send, its ITL the gap between sends, its total ends with the last send; all are taken
over the streams that the run counts. With ``--workers 0,1`` the same is measured in a local run and through one of
Locust's workers, one after the other.

A value is right within ``--within`` percent of the record, with no allowance in milliseconds. The server's sends are
the truth, so what a client adds by connecting, sending and handing over late counts as a difference. Where a heavy
client is beyond the bound, ``lag_p50_ms`` and ``lag_p99_ms`` below its figures show how late it handed tokens over: a
difference that these explain is the client's and not an error of measurement, but it is still printed as beyond.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loadgen import Run
from loadgen.model import Recording

HERE = Path(__file__).parent
SCENARIO = """
name: truth
target: {{url: "{url}"}}
prompts: ["p"]
clients: [{clients}]
concurrency: [{streams}]
load: {{{load}}}
"""
Stream = Mapping[str, Any]


@contextmanager
def server(record: Path, *flags: str) -> Iterator[str]:
    """The server's address; ``record`` is there afterwards."""
    command = [sys.executable, str(HERE / "paced.py"), "--record", str(record), *flags]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
            process.stdin.close()
            assert process.wait(60) == 0
        finally:
            process.kill()


def counted(recording: Recording, records: Sequence[Stream]) -> list[Stream]:
    """Return the server's own record of the streams that the metrics of ``recording`` cover.

    A stream is known by the stamp of its first token, in nanoseconds.
    """
    known = {stream["stamps"][0]: stream for stream in records if stream["stamps"]}
    table = recording.streams
    chosen = (table.outcome == "ok") & (table.due >= recording.window[0])
    return [known[stamp] for stamp in table.first_stamp_ns[chosen].tolist()]


def nearest_rank(values: np.ndarray[Any, Any], percent: int) -> float:
    """Milliseconds."""
    ordered = np.sort(values)
    return float(ordered[max(0, -(-len(ordered) * percent // 100) - 1)]) / 1e6


def metrics(streams: Sequence[Stream]) -> dict[str, float]:
    """TTFT and ITL by the server's record, under the names of summary.csv."""
    ttft = np.array([stream["sent"][0] - stream["received"] for stream in streams])
    itl = np.concatenate([np.diff(stream["sent"]) for stream in streams])
    total = np.array([stream["sent"][-1] - stream["received"] for stream in streams])
    return {
        f"{name}_p{percent}_ms": nearest_rank(values, percent)
        for name, values in (("ttft", ttft), ("itl", itl), ("total", total))
        for percent in (50, 95, 99)
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", default="100,1000")
    parser.add_argument("--clients", default="requests,httpx-sync,httpx-async,aiohttp,floor")
    parser.add_argument("--load", default="duration: 12s, ramp: 4s")
    parser.add_argument("--tokens", type=int, default=30)
    parser.add_argument("--gap", type=float, default=0.1)
    parser.add_argument("--workers", default="0", help="of Locust; 0: none, one engine here")
    parser.add_argument("--within", type=float, default=1.0, help="percent of the record")
    arguments = parser.parse_args()
    core = min(os.sched_getaffinity(0))
    print(f"{'streams':>7} {'client':<12} {'figure':<5} {'reported':>9} {'recorded':>9} {'ms':>8} {'%':>7}")
    with tempfile.TemporaryDirectory() as name:
        for workers in map(int, arguments.workers.split(",")):
            folder = Path(name, str(workers))
            folder.mkdir()
            print("one engine, here" if not workers else f"{workers} of Locust's workers")
            measure(folder, arguments, core, ["--workers", str(workers)] if workers else [])


def measure(folder: Path, arguments: argparse.Namespace, core: int, how: Sequence[str]) -> None:
    """Run it and print every metric beside the server's."""
    flags = ("--tokens", str(arguments.tokens), "--gap", str(arguments.gap), "--core", str(core))
    with server(folder / "record.json", *flags) as url:
        text = SCENARIO.format(
            url=url, clients=arguments.clients, streams=arguments.streams, load=arguments.load
        )
        (folder / "truth.yaml").write_text(text)
        command = [sys.executable, "-m", "loadgen", "run", str(folder / "truth.yaml"), "--json", *how]
        ran = subprocess.run([*command, "--out", str(folder / "run")], check=False, stdout=subprocess.PIPE)
        assert ran.returncode in (0, 3), ran
    records = json.loads((folder / "record.json").read_text())
    run = Run.load(folder / "run")
    for row in run.summary().to_dict("records"):
        of_row = (row["client"], row["concurrency"])
        parts = [part for part in run.recordings if (part.client.label, part.level.streams) == of_row]
        streams = [stream for part in parts for stream in counted(part, records)]
        print(f"{row['concurrency']:7,} {row['client']:<12} {len(streams):,} streams, {row['validity']}")
        for reason in filter(None, row["reasons"].split("; ")):
            print(f"{'':20} {reason}")
        for metric, true in metrics(streams).items():
            reported = row[metric]
            if pd.isna(reported):
                print(f"{'':20} {metric:<12} too few values")
                continue
            off = reported - true
            bound = arguments.within
            within = "" if abs(off) <= bound / 100 * true else f"  beyond {bound:g} %"
            print(f"{'':20} {metric:<12} {reported:9.2f} {true:9.2f} {off:8.2f} {off / true:7.2%}{within}")
        for metric in ("lag_p50_ms", "lag_p99_ms"):
            if not pd.isna(row[metric]):
                print(f"{'':20} {metric:<12} {row[metric]:9.2f}")


if __name__ == "__main__":
    main()
