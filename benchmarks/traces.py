"""How soon a long trace starts, and in how much memory, beside a trace of ten lines.

    python -m benchmarks.traces [--lines 1000000] [--rounds 3] [--formats Mooncake,Azure,...]

The files are made in a temporary folder. Columns: seconds from the command to the first arrival, for the short and for
the long trace, the best of the rounds; the engine's peak memory, and what the command takes more for the long one.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from loadgen.api import Run

SHORT = 10
PER_S = 20.0
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SCENARIO = """\
name: traces
target: {{simulator: {{ttft: 1ms, gap: 0.1ms, tokens: 1}}}}
trace: {{file: {file}}}
load: {{duration: 500ms}}
clients: [floor]
remeasure: 0
"""
# Format -> the suffix of its files, its header, and a line of so many seconds and lengths.
FORMATS: dict[str, tuple[str, str, Callable[[float, int, int], str]]] = {
    "Mooncake": (
        ".jsonl",
        "",
        lambda at, asked, answered: (
            f'{{"timestamp": {at * 1000:.0f}, "input_length": {asked}, "output_length": {answered}, '
            f'"hash_ids": [{", ".join(str(asked + n) for n in range(asked // 512 + 1))}]}}\n'
        ),
    ),
    "BurstGPT": (
        ".csv",
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n",
        lambda at, asked, answered: (
            f"{at:.3f},ChatGPT,{asked},{answered},{asked + answered},Conversation log\n"
        ),
    ),
    "Azure": (
        ".csv",
        "TIMESTAMP,ContextTokens,GeneratedTokens\n",
        lambda at, asked, answered: f"{BEGIN + timedelta(seconds=at):%F %T.%f}0,{asked},{answered}\n",
    ),
    "loadgen": (
        ".jsonl",
        "",
        lambda at, asked, answered: (
            f'{{"timestamp": {at:.3f}, "prompt": "{asked} words?", "output_tokens": {answered}}}\n'
        ),
    ),
}


def lines(number: int, line: Callable[[float, int, int], str]) -> Iterator[str]:
    """Yield the lines of Poisson arrivals."""
    chance, at = random.Random(1), 0.0
    for _ in range(number):
        yield line(at, chance.randint(10, 8000), chance.randint(1, 500))
        at += chance.expovariate(PER_S)


class Cost(NamedTuple):
    """Seconds from the command to the first arrival, and MiB at the peaks of the engine and of the largest process."""

    start_s: float
    engine_mib: float
    peak_mib: float


def cost(scenario: Path) -> Cost:
    """Run a scenario; return what it took."""
    out = Path(tempfile.mkdtemp(dir=scenario.parent))
    begin = time.time()
    command = [sys.executable, "-m", "loadgen", "run", str(scenario), "--out", str(out), "--quiet"]
    _, status, usage = os.wait4(subprocess.Popen(command, stdout=subprocess.DEVNULL).pid, 0)
    if status:
        sys.exit(f"loadgen run {scenario} has failed")
    (recording,) = Run.load(out).recordings
    mark, wall = recording.clock[0]
    first = (wall + int(recording.streams.start.min()) - mark) / 1e9
    return Cost(first - begin, max(recording.samples.rss_kib) / 1024, usage.ru_maxrss / 1024)


def main() -> None:
    """Print a line for each format."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--formats", default=",".join(FORMATS))
    options = parser.parse_args()
    print("format          lines    MiB  short (s)  long (s)  engine (MiB)  added (MiB)")
    for name in options.formats.split(","):
        suffix, header, line = FORMATS[name]
        found = []
        with tempfile.TemporaryDirectory() as folder:
            for number in (SHORT, options.lines):
                trace = Path(folder, f"{number}{suffix}")
                with trace.open("w") as file:
                    file.write(header)
                    file.writelines(lines(number, line))
                scenario = Path(folder, f"{number}.yaml")
                scenario.write_text(SCENARIO.format(file=trace.name))
                found.append(min(cost(scenario) for _ in range(options.rounds)))
            size = trace.stat().st_size / (1 << 20)
        short, long = found
        print(
            f"{name:<9} {options.lines:>11,} {size:>6.0f} {short.start_s:>9.2f} {long.start_s:>9.2f} "
            f"{long.engine_mib:>11.1f} {long.peak_mib - short.peak_mib:>+11.1f}"
        )


if __name__ == "__main__":
    main()
