"""Run one cell: the engine's entry, see the package."""

import json
import os
import sys
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from loadgen.engine import gil
from loadgen.engine.hiding import HIDDEN, explained, hide

# Before msgspec, which imports typing_extensions where it finds it, and may turn the GIL on.
gil.watch()
hide(os.environ.pop(HIDDEN, "").split())

import msgspec

from loadgen import clients, protocols
from loadgen.engine.core import Engine
from loadgen.engine.pipe import Commands, Failed, Outbox, Ready
from loadgen.engine.system import raise_open_files
from loadgen.model import Cell, Mode


def main() -> None:
    """Run one cell."""
    outbox = Outbox(os.dup(1))
    os.dup2(2, 1)  # what a library prints must not end up among the frames
    commands = Commands(0)
    try:
        cell = msgspec.json.decode(commands.wait_line(), type=Cell)
        if cell.cores and hasattr(os, "sched_setaffinity"):  # Linux
            os.sched_setaffinity(0, cell.cores)
        raise_open_files()
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            del os.environ[name]
        drive = _driver(clients.info(cell.client.name).mode)
        kind = clients.load(cell.client)
        engine = Engine(cell, protocols.of(cell.workload), outbox)
        drive(engine, kind, commands, lambda: _start(engine, outbox, commands))
        engine.close()
    except Exception as error:
        outbox.drain()
        outbox.send(Failed(f"{type(error).__name__}: {error}{explained(error)}"))
    # Threads may still wait in a library, and tearing down a thousand streams would be for nothing.
    sys.stderr.flush()
    os._exit(0)


def _driver(mode: Mode) -> Callable[[Engine, Any, Commands, Callable[[], bool]], None]:
    """Return the driver of the mode; for greenlets in a process that is patched before the client is imported."""
    if mode == "tasks":
        from loadgen.engine import tasks

        return tasks.drive
    if mode == "greenlets":
        from gevent import monkey

        monkey.patch_all()
    from loadgen.engine import threads

    return threads.drive


def _start(engine: Engine, outbox: Outbox, commands: Commands) -> bool:
    """Send Ready and start when the parent says so; return False when it has gone instead."""
    outbox.send(Ready())
    line = commands.wait_line()
    if line:
        engine.start(json.loads(line)["start"])
        for command in commands.read():
            engine.run_command(command, perf_counter_ns())
    return bool(line)


if __name__ == "__main__":
    main()
