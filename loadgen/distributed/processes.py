"""``loadgen worker``: a process that measures for a master, and the processes that a master starts here."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from typing import Final

import gevent
import locust.runners
from gevent import subprocess
from locust.env import Environment
from locust.event import Events

from loadgen.distributed.locust_transport import LocustTransport
from loadgen.distributed.users import Stream
from loadgen.distributed.worker import Worker, follow

MASTER_TIMEOUT_S: Final = 10  # seconds without a heartbeat after which a master is taken for dead
STOP_TIMEOUT_S: Final = 5.0  # seconds that a worker gets to end
RETRY_INTERVAL_S: Final = 5  # seconds between two tries to reach a master: Locust's


class NoMaster(Exception):
    """Nobody answers there."""


def work(host: str, port: int, patience: int) -> int:
    """Work for the master there until it lets go or is lost; the exit code. Raises NoMaster.

    ``patience`` is the seconds to wait for it, rounded up to Locust's tries.
    """
    locust.runners.MASTER_HEARTBEAT_TIMEOUT = MASTER_TIMEOUT_S
    locust.runners.CONNECT_RETRY_COUNT = (patience - 1) // RETRY_INTERVAL_S
    environment = Environment(user_classes=[Stream], events=Events())
    try:
        runner = environment.create_worker_runner(host, port)
    except (ConnectionError, OSError) as error:
        raise NoMaster(f"no master answers at {host}:{port}: {error or 'no answer'}") from None
    # Locust begins to watch a master with its first heartbeat; this one may be dead before that.
    runner.last_heartbeat_timestamp = time.time()

    def leave() -> None:
        environment.events.quitting.fire(environment=environment)  # tells the master
        runner.quit()

    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, leave)
    transport = LocustTransport(runner)
    worker = Worker(environment, transport)
    follow(environment, worker, transport)
    runner.greenlet.join()
    worker.close()
    return environment.process_exit_code or 0


class LocalWorkers:
    """Worker processes on this machine. They have sessions of their own: Ctrl-C reaches their master alone."""

    def __init__(self, count: int, host: str, port: int) -> None:
        command = [sys.executable, "-P", "-m", "loadgen", "worker", "--host", host, "--port", str(port)]
        self._processes = [
            subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True) for _ in range(count)
        ]

    def dead(self) -> int:
        """How many have ended."""
        return sum(process.poll() is not None for process in self._processes)

    def close(self) -> None:
        """End them; at once where somebody interrupts that."""
        try:
            for process in self._processes:
                process.terminate()
            until = time.monotonic() + STOP_TIMEOUT_S
            for process in self._processes:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, until - time.monotonic()))
        finally:
            for process in self._processes:
                process.kill()
                process.wait()
