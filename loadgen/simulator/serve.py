"""The simulator by hand, in the foreground."""

from __future__ import annotations

import json
import signal
import sys
from types import FrameType

from loadgen.model import Simulator
from loadgen.simulator.server import Server


def serve(spec: Simulator, host: str = "127.0.0.1", port: int = 11434) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises OSError (the address), ValueError (the spec)."""
    server = Server(spec, host, port)

    def stop(_: int, __: FrameType | None) -> None:
        server.loop.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    name = spec.models[0] if spec.models else "simulator"
    body = json.dumps({"model": name, "prompt": "Why is the sky blue?"})
    sys.stdout.write(
        f"The simulator listens at {server.url} (Ctrl-C ends it). Try:\n"
        f"  curl -N {server.url}/api/generate -d '{body}'\n"
    )
    sys.stdout.flush()
    try:
        server.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
