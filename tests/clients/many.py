"""Run cells of one client one after the other in one process, which a test starts: ``python -m tests.clients.many``.

Cells come as lines of JSON; what became of their streams goes back as lines: outcome, version, tokens or bytes, error.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter_ns

import msgspec

from loadgen import clients, protocols
from loadgen.engine.__main__ import _driver
from loadgen.engine.core import Engine
from loadgen.engine.pipe import Commands, Outbox
from loadgen.model import Cell


def main() -> None:
    cells = [msgspec.json.decode(line, type=Cell) for line in sys.stdin]
    drive = _driver(clients.info(cells[0].client.name).mode)
    kind = clients.load(cells[0].client)
    outbox, commands = Outbox(os.pipe()[1]), Commands(os.pipe()[0])
    for cell in cells:
        engine = Engine(cell, protocols.of(cell.workload), outbox)
        seen: list[object] = []
        engine._ended = Kept(seen)
        drive(engine, kind, commands, lambda engine=engine: engine.start(perf_counter_ns()) or True)
        sys.stdout.buffer.write(msgspec.json.encode(seen) + b"\n")
    sys.stdout.flush()
    os._exit(0)  # threads may still wait in a library


class Kept(list):
    """Streams that have ended, of which none is sent."""

    def __init__(self, seen: list[object]) -> None:
        super().__init__()
        self._seen = seen

    def append(self, stream) -> None:
        size = sum(memoryview(stream.counts).cast("H")) or stream.size
        self._seen.append((stream.outcome, stream.http, size, stream.error))


if __name__ == "__main__":
    main()
