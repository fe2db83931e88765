"""``loadgen worker``: a process that measures for a master; and the workers that a master starts here."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import gevent
import locust.runners
from gevent import subprocess
from locust.env import Environment
from locust.event import Events

from loadgen.distributed.transport import Transport
from loadgen.distributed.users import Stream
from loadgen.distributed.worker import Worker

MASTER_TIMEOUT_S: Final = 10  # without a heartbeat a master is dead
STOP_TIMEOUT_S: Final = 5.0  # for a worker to end before it is killed
RETRY_INTERVAL_S: Final = 5  # Locust's, between two attempts to reach a master


class NoMaster(Exception):
    """No master answers at that address."""


def work(host: str, port: int, connect_timeout: int) -> int:
    """Work for a master until it ends or is lost; return the exit code. Raises NoMaster.

    ``connect_timeout`` is in seconds, rounded up to whole attempts of Locust.
    """
    locust.runners.MASTER_HEARTBEAT_TIMEOUT = MASTER_TIMEOUT_S
    locust.runners.CONNECT_RETRY_COUNT = (connect_timeout - 1) // RETRY_INTERVAL_S
    environment = Environment(user_classes=[Stream], events=Events())
    try:
        runner = environment.create_worker_runner(host, port)
    except (ConnectionError, OSError) as error:
        reason = error or "no answer"
        raise NoMaster(f"no master at {host}:{port}: {reason}. Is loadgen run --master running?") from None
    # Locust watches a master from its first heartbeat on; this one may die before that.
    runner.last_heartbeat_timestamp = time.time()

    def leave() -> None:
        environment.events.quitting.fire(environment=environment)  # Locust notifies the master
        runner.quit()

    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, leave)
    worker = Worker(environment, Transport(runner))
    worker.follow_master()
    runner.greenlet.join()
    for controller in worker.controllers.values():
        controller.kill()
    return environment.process_exit_code or 0


@contextmanager
def local_workers(count: int, host: str, port: int) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
    """Start workers on this machine; end them after the block, by SIGTERM and then by SIGKILL.

    They have sessions of their own: Ctrl-C reaches their master alone.
    """
    command = [sys.executable, "-P", "-m", "loadgen", "worker", "--host", host, "--port", str(port)]
    started = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True) for _ in range(count)
    ]
    try:
        yield started
    finally:
        try:
            for process in started:
                process.terminate()
            until = time.monotonic() + STOP_TIMEOUT_S
            for process in started:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, until - time.monotonic()))
        finally:  # also after Ctrl-C in the meantime
            for process in started:
                process.kill()
                process.wait()
