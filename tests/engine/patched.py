"""Run the thread driver in a process that gevent has patched, as mode "greenlets" does, and print what came of it."""

from __future__ import annotations

import json

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import sys  # noqa: E402

import pytest  # noqa: E402

from loadgen.model import Load, Request  # noqa: E402
from tests.engine import test_drivers as drivers  # noqa: E402
from tests.engine.fakes import LEFT, SHAPES, FakeSync, drive, quick, streams  # noqa: E402
from tests.lab.cells import cell  # noqa: E402

OS_THREADS: list[int] = []


class Counting(FakeSync):
    """Counts the threads of the process while its streams are open."""

    def script(self, request: Request) -> drivers.Script:
        OS_THREADS.append(len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else 0)
        return super().script(request)


def main() -> None:
    quick(pytest.MonkeyPatch())
    SHAPES["threads"] = (SHAPES["threads"][0], Counting)
    everything = streams(drivers.everything("threads"))
    left = [*LEFT]
    failing = streams(
        drive("threads", drivers.FAILING, drivers.SCRIPTS, b'{"streams": 2}\n', drivers.FEWER_AND_MORE)
    )
    left += LEFT
    stalled = cell(concurrency=9, load=Load(), prompts=("stall",))
    stopped = streams(drive("threads", stalled, drivers.SCRIPTS, b'{"streams": 3}\n', drivers.COMMANDS))
    left += LEFT
    found = {
        "everything": [repr(drivers.reported(stream)) for stream in everything],
        "run_waits": [stream.run_wait_ns for stream in everything],
        "failing": sorted({(stream.slot, stream.outcome) for stream in failing}),
        "stopped": sorted((stream.slot, stream.outcome) for stream in stopped),
        "slots left": left,
        "os_threads": max(OS_THREADS),
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
