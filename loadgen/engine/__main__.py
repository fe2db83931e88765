"""The engine's entry: see the package."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import resource
import sys

import msgspec

from loadgen import clients, protocols
from loadgen.engine import tasks, threads
from loadgen.engine.core import Engine, Orders, Outbox
from loadgen.engine.frames import Failed, Ready
from loadgen.model import Cell


def main() -> None:
    """Run one cell."""
    outbox = Outbox(os.dup(1))
    os.dup2(2, 1)  # what a library prints must not end up among the frames
    orders = Orders(0)
    try:
        cell = msgspec.json.decode(orders.line(), type=Cell)
        _prepare(cell)
        kind = clients.load(cell.client)
        engine = Engine(cell, protocols.load(cell.protocol), outbox)
        ready = Ready(platform.python_version(), clients.version(cell.client.name))
        if clients.entry(cell.client.name).mode == "threads":
            client = kind(cell)
            if _go(engine, outbox, orders, ready):
                threads.run(engine, client, orders)
        else:
            with asyncio.Runner(loop_factory=_loop_factory(cell)) as runner:
                runner.run(_tasks(engine, kind, outbox, orders, ready))
                engine.close()
                _exit()
        engine.close()
    except Exception as error:
        outbox.send(Failed(f"{type(error).__name__}: {error}"))
        outbox.drain()
    _exit()


async def _tasks(engine: Engine, kind: type, outbox: Outbox, orders: Orders, ready: Ready) -> None:
    client = kind(engine.cell)
    if _go(engine, outbox, orders, ready):
        await tasks.run(engine, client, orders)


def _prepare(cell: Cell) -> None:
    if cell.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cell.cores)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]


def _loop_factory(cell: Cell):  # type: ignore[no-untyped-def]
    default = clients.entry(cell.client.name).options.get("loop", ("asyncio",))[0]
    if cell.client.options.get("loop", default) == "uvloop":
        import uvloop

        return uvloop.new_event_loop
    return asyncio.new_event_loop


def _go(engine: Engine, outbox: Outbox, orders: Orders, ready: Ready) -> bool:
    """Say ready; False when the parent has gone instead of saying go."""
    outbox.send(ready)
    line = orders.line()
    if line:
        engine.start(json.loads(line)["go"])
    return bool(line)


def _exit() -> None:
    # Threads may still wait in a library, and tearing down a thousand streams would be for nothing.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
