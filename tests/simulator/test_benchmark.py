from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("reader", [[], ["--python"]])
def test_the_benchmark_runs(reader: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.simulator", "--quick", *reader],
        capture_output=True,
        text=True,
        check=True,
    )
    _, _, *lines = ran.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["40", "100"]
    assert all(line.split()[-1] == "0" for line in lines), "a stream has failed"
