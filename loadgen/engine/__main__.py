"""The engine's entry: see the package."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from loadgen import clients, protocols
from loadgen.engine.core import Engine, Orders, Outbox
from loadgen.engine.frames import Failed, Ready
from loadgen.model import Cell, Mode


def main() -> None:
    """Run one cell."""
    outbox = Outbox(os.dup(1))
    os.dup2(2, 1)  # what a library prints must not end up among the frames
    orders = Orders(0)
    try:
        cell = msgspec.json.decode(orders.line(), type=Cell)
        _prepare(cell)
        mode = clients.entry(cell.client.name).mode
        if mode == "greenlets":
            from gevent import monkey

            monkey.patch_all()  # a library imported before would keep what blocks
        kind = clients.load(cell.client)
        engine = Engine(cell, protocols.load(cell.workload.protocol), outbox)
        go = partial(_go, engine, outbox, orders)
        _driver(mode)(engine, kind, orders, go)
        engine.close()
    except Exception as error:
        outbox.send(Failed(f"{type(error).__name__}: {error}"))
        outbox.drain()
    _exit()


def _driver(mode: Mode) -> Callable[[Engine, Any, Orders, Callable[[], bool]], None]:
    match mode:
        case "threads":
            from loadgen.engine import threads

            return threads.drive
        case "tasks":
            from loadgen.engine import tasks

            return tasks.drive
        case "greenlets":
            from loadgen.engine import greenlets

            return greenlets.drive


def _prepare(cell: Cell) -> None:
    if cell.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cell.cores)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]


def _go(engine: Engine, outbox: Outbox, orders: Orders) -> bool:
    """Say ready; False when the parent has gone instead of saying go."""
    outbox.send(Ready())
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
