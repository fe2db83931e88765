"""Mode "greenlets": the thread driver in a process that gevent has patched gives what it gives on threads."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from loadgen.clients import version
from tests.engine.fakes import quick, streams
from tests.engine.test_drivers import everything, reported


@pytest.fixture(scope="module")
def patched() -> dict[str, Any]:
    if version("requests-gevent") is None:
        pytest.skip("gevent is not installed")
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.engine.patched"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_greenlets_come_to_the_results_of_threads(
    patched: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    assert patched["everything"] == [repr(reported(stream)) for stream in streams(everything("threads"))]


def test_a_slot_that_sleeps_when_it_becomes_surplus_is_not_left_behind(patched: dict[str, Any]) -> None:
    assert {tuple(row) for row in patched["failing"]} <= {(0, "refused"), (1, "refused")}
    assert patched["failing"]
    assert patched["slots left"] == [0, 0, 0]


def test_open_streams_are_ended_from_outside(patched: dict[str, Any]) -> None:
    assert patched["stopped"] == [[slot, "stopped"] for slot in range(5)]


def test_greenlets_share_one_thread_and_its_wait_is_nobodys(patched: dict[str, Any]) -> None:
    assert set(patched["run_waits"]) == {None}
    assert patched["os_threads"] <= 1
