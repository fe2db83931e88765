"""``python -m loadgen.simulator [CORE ...]``: reads its spec, a JSON line; writes one; serves until stdin ends."""

from __future__ import annotations

import json
import os
import sys

import msgspec

from loadgen.model import Simulator
from loadgen.simulator.server import Server


def main() -> int:
    """Serve; return the exit code: 0 stopped, 2 could not start (the reason is sent as ``{"error": ...}``)."""
    try:
        cores = sys.argv[1:]
        if cores and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, map(int, cores))
        server = Server(msgspec.json.decode(sys.stdin.buffer.readline(), type=Simulator))
    except (OSError, ValueError, OverflowError, ImportError) as error:
        print(json.dumps({"error": str(error)}), flush=True)  # noqa: T201
        return 2
    server.stop_on_signals()

    def stop_at_end(_: int) -> None:
        if not os.read(0, 65536):
            server.loop.stop()

    try:
        server.loop.watch(0, stop_at_end)
    except PermissionError:  # a plain file, which is at its end
        server.loop.stop()
    print(json.dumps({"url": server.url, "ca": server.ca}), flush=True)  # noqa: T201
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
