"""Run cells one after the other in one process, as an engine runs one: ``python -m tests.clients.many``.

A line of JSON for each: the environment, and the cell. What an engine would report goes back as its frames.
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


class Job(msgspec.Struct):
    environment: dict[str, str]
    cell: Cell


def main() -> None:
    outbox = Outbox(os.dup(1))
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=Job)
        os.environ.clear()
        os.environ.update(job.environment)
        run(job.cell, outbox)
    os._exit(0)  # threads may still wait in a library


def run(cell: Cell, outbox: Outbox) -> None:
    drive = _driver(clients.info(cell.client.name).mode)
    engine = Engine(cell, protocols.of(cell.workload), outbox)
    commands = Commands(os.pipe()[0])
    drive(engine, clients.load(cell.client), commands, lambda: engine.start(perf_counter_ns()) or True)
    engine.close()


if __name__ == "__main__":
    main()
