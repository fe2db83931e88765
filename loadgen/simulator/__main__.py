"""``python -m loadgen.simulator``: a JSON line in, a JSON line out, then it serves until stdin ends."""

from __future__ import annotations

import json
import os
import signal
import sys
from types import FrameType
from typing import Any


def main() -> int:
    """Give the exit code: 0 ended when told to, 2 could not start (``{"error": ...}`` says why)."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _quit)
    from loadgen.model import Simulator
    from loadgen.simulator.server import Server

    try:
        order: dict[str, Any] = json.loads(_first_line())
        spec = dict(order["spec"])
        if "models" in spec:
            spec["models"] = tuple(spec["models"])
        if order.get("cores") and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, order["cores"])
        server = Server(Simulator(**spec), order.get("host", "127.0.0.1"), order.get("port", 0))
    except (OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        _say({"error": f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)})
        return 2

    def stop(_: int, __: FrameType | None) -> None:
        server.loop.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)

    def parent(_: int) -> None:
        if not os.read(0, 65536):
            server.loop.stop()

    try:
        server.loop.watch(0, parent)
    except PermissionError:  # a plain file, which is at its end
        server.loop.stop()
    _say({"url": server.url})
    server.run()
    return 0


def _first_line() -> bytes:
    # Not through sys.stdin, which would read ahead and hide the end of the pipe from the loop.
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            break
        line += byte
    return line


def _say(value: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _quit(_: int, __: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
