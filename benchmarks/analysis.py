"""Measure the analysis of ten million token arrivals, from disk to summaries: seconds and peak memory.

    python benchmarks/analysis.py [TOKENS]

Makes a run folder of eight recordings (four clients, two repeats, jittered, at 1,000 streams), then loads and
summarises it in a fresh process and prints that process's peak memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

CLIENTS = (("requests", "threads"), ("httpx-sync", "threads"), ("httpx-async", "tasks"), ("aiohttp", "tasks"))
REPEATS = 2
TOKENS_PER_STREAM = 60

CHILD = """
import json, resource, sys, time
from pathlib import Path
began = time.perf_counter()
from loadgen import store
from loadgen.analysis import summarise
from loadgen.findings import findings
imported = time.perf_counter()
run = store.load(Path(sys.argv[1]))
loaded = time.perf_counter()
summaries = summarise(run)
summarised = time.perf_counter()
found = findings(run, summaries)
done = time.perf_counter()
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(json.dumps({
    "tokens": sum(s.value("tokens") or 0 for s in summaries),
    "import_s": round(imported - began, 2),
    "load_s": round(loaded - imported, 2),
    "summarise_s": round(summarised - loaded, 2),
    "findings_s": round(done - summarised, 3),
    "seconds": round(done - imported, 2),
    "peak_rss_mib": round(int(peak) / 1024),
}))
"""


def measure(tokens: int) -> dict[str, float]:
    """Make a run of about ``tokens`` token arrivals and measure a process that summarises it."""
    from tests import synthetic

    cells = len(CLIENTS) * REPEATS
    streams = max(1, tokens // TOKENS_PER_STREAM // cells)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        recordings = []
        for index in range(cells):
            client, mode = CLIENTS[index % len(CLIENTS)]
            recording = synthetic.recording(
                client=client,
                mode=mode,  # type: ignore[arg-type]
                concurrency=min(1000, streams),
                repeat=index // len(CLIENTS),
                index=index,
                streams=streams,
                tokens=TOKENS_PER_STREAM,
                jitter=0.5,
                lag_jitter=1.0,
                ramp_ms=2000,
                warmup_ms=1000,
            )
            recordings.append(recording)
        synthetic.save(folder, synthetic.run(folder, recordings).info, recordings)
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(folder)],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).resolve().parent.parent,
        )
    result: dict[str, float] = json.loads(done.stdout)
    return result


if __name__ == "__main__":
    for name, value in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000).items():
        print(f"{name:14} {value:,}")
