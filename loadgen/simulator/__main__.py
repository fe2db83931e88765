"""``python -m loadgen.simulator``: a JSON line in, a JSON line out, then it serves until stdin ends."""

from __future__ import annotations

import json
import os
import sys

import msgspec

from loadgen.model import Simulator
from loadgen.simulator.server import Server


class Order(msgspec.Struct):
    """What to serve, and where; ``cores`` are those to run on, where any are listed."""

    spec: Simulator
    host: str = "127.0.0.1"
    port: int = 0
    cores: list[int] = []


def main() -> int:
    """Serve; return the exit code: 0 stopped, 2 could not start (the reason is sent as ``{"error": ...}``)."""
    try:
        order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
        if order.cores and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, order.cores)
        server = Server(order.spec, order.host, order.port)
    except (OSError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        _send({"error": str(error)})
        return 2
    server.stop_on_signals()

    def stop_at_end(_: int) -> None:
        if not os.read(0, 65536):
            server.loop.stop()

    try:
        server.loop.watch(0, stop_at_end)
    except PermissionError:  # a plain file, which is at its end
        server.loop.stop()
    _send({"url": server.url})
    server.run()
    return 0


def _send(message: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
