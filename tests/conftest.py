"""Options of the suite, and what runs apart in it."""

from __future__ import annotations

import os
from typing import Any

import pytest

os.environ["LOADGEN_TOKEN"] = "a token of all the tests"
os.environ["LOADGEN_MACHINE_SAMPLE_S"] = "0"  # commands do not sample the machine for two seconds first
os.environ["OPENBLAS_NUM_THREADS"] = (
    "1"  # threads that spin beside each other take twice the CPU for the same
)
os.environ["LC_ALL"] = "C.UTF-8"  # what tests read is in English

# Files that judge the timing of real processes: one worker runs them, one after the other.
TIMING = {
    "tests/engine/test_drivers.py",
    "tests/engine/test_greenlets.py",
    "tests/engine/test_pauses.py",
    "tests/engine/test_portable.py",
    "tests/engine/test_process.py",
    "tests/engine/test_stages.py",
    "tests/lab/test_blame.py",
    "tests/lab/test_cell.py",
    "tests/lab/test_neighbours.py",
    "tests/lab/test_slowed.py",
    "tests/lab/test_waiting.py",
    "tests/test_proc.py",
}

# Files whose cells run in processes that stay, one for each client: one worker has them all.
SHARING = {
    f"tests/clients/test_{name}.py"
    for name in (
        "certificates", "conditions", "connecting", "interim", "lines", "openai", "protocols", "same_request",
        "versions", "wire",
    )
}  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--draws", type=int, default=300, help="draws of each simulation; 1,000 check its bounds harder"
    )


@pytest.fixture(scope="session")
def draws(request: pytest.FixtureRequest) -> int:
    """Return how many times each simulation draws."""
    return int(request.config.getoption("--draws"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return the scheduler of ``--dist loadfile``, for which ``TIMING`` is one file, and ``SHARING``."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = super()._split_scope(nodeid)
            return "timing" if path in TIMING else "clients" if path in SHARING else path

    return Scheduling(config, log)
