"""Every benchmark runs, at a tiny size, and prints its table. What it measures is not judged here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = {  # arguments, and what every line of the table looks like
    "analysis.py": (["24000"], r"^tokens +[\d,]+"),
    "arrivals.py": (
        ["--clients", "aiohttp", "--rates", "20", "--seconds", "0.5"],
        r"^aiohttp +20 +20\.0 +\d",
    ),
    "beside.py": (["--rate", "20", "--seconds", "0.5", "--rounds", "1"], r"^exported +\d"),
    "big_body.py": (
        ["--bytes", "64MiB", "--clients", "requests,aiohttp"],
        r"^aiohttp +\d",
    ),  # fails above 100 MiB
    "cores.py": (
        ["--clients", "floor", "--streams", "2", "--engines", "1", "--rounds", "1", "--seconds", "4"],
        r"^floor: \d",
    ),
    "costs.py": (["--quick", "--clients", "aiohttp"], r'^    ("aiohttp": Cost|# aiohttp: others)'),
    "engine.py": (
        ["--streams", "4", "--rounds", "1", "--tokens", "5", "--ramp", "0.1", "--clients", "aiohttp"],
        r"^aiohttp +\d",
    ),
    "memory.py": (["--streams-total", "150", "--rate", "100"], r"^ +\d+ +\d+\.\d +\d+\.\d"),
    "overhead.py": (["--rounds", "1", "--clients", "requests,aiohttp"], r"^  (aiohttp|requests) +\d\.\d+ s"),
    "parent.py": (["--streams", "4", "--seconds", "2", "--clients", "floor"], r"^floor: \d"),
    "recorder.py": (["--rounds", "2", "--reads", "10"], r"^ollama-generate +\d+ +\d+ +\d"),
    "report.py": (["--shape", "many", "--streams", "720"], r"^  peak_rss_mib +\d"),
    "simulator.py": (["--quick"], r"^ +(40|100) "),
    "traces.py": (["--lines", "2000", "--rounds", "1", "--formats", "Azure"], r"^Azure +2,000 +\d"),
    "truth.py": (
        ["--streams", "4", "--clients", "aiohttp", "--load", "requests: 1", "--tokens", "4", "--gap", "0.01"],
        r"^ +itl_p50_ms +\d",
    ),
    "waiting.py": (["--duration", "1", "--service", "0.01", "--clients", "floor"], r"^rate: 80 +floor +\d"),
}
HELPERS = {"bare.py", "paced.py"}  # run by engine.py and truth.py


def test_every_script_is_run_here() -> None:
    assert {path.name for path in (ROOT / "benchmarks").glob("*.py")} == set(SCRIPTS) | HELPERS


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_runs(script: str) -> None:
    arguments, line = SCRIPTS[script]
    module = f"benchmarks.{script.removesuffix('.py')}"
    ran = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(line, ran.stdout, re.MULTILINE), ran.stdout
