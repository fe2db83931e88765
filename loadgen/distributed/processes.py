"""The processes of a distributed run: its master in this process, and its workers, started here or elsewhere."""

import logging
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Final

import gevent
import locust.argument_parser
import locust.runners
from gevent import subprocess
from locust.env import Environment
from locust.event import Events

from loadgen.distributed import inbox, token
from loadgen.distributed.addresses import free_port, is_local
from loadgen.distributed.coordinator import CHECK_INTERVAL_S, Assignment, Coordinator
from loadgen.distributed.transport import Transport
from loadgen.distributed.users import Stream
from loadgen.distributed.worker import END_TIMEOUT_S, UPDATE_INTERVAL_S, Trust, Worker
from loadgen.exit_code import end_signals
from loadgen.lab.engine import longest
from loadgen.lab.lifecycle import CellError
from loadgen.lab.run import Record, interruptible
from loadgen.lab.spool import Keep
from loadgen.model import Cell, Listener, Outcome, Progress, Recording, Scenario
from loadgen.preflight.requirements import Refused
from loadgen.scenario import Override

CONNECT_TIMEOUT_S: Final = 60.0  # for workers that were started here
MASTER_TIMEOUT_S: Final = 10  # without a heartbeat a master is dead
STOP_TIMEOUT_S: Final = 5.0  # for a worker to end before it is killed
RETRY_INTERVAL_S: Final = 5  # Locust's, between two attempts to reach a master


class NoMaster(Exception):
    """No master answers at that address."""


def without_configuration() -> None:
    """Let no file and no variable configure Locust in this process: locust.conf, pyproject.toml, LOCUST_*."""
    for name in [name for name in os.environ if name.startswith("LOCUST_")]:
        del os.environ[name]
    locust.argument_parser.LocustArgumentParser._open_config_files = lambda *_: []


def work(host: str, port: int, connect_timeout: int, trust: Trust) -> int:
    """Work for a master until it ends or is lost; return the exit code. Raises NoMaster, Refused.

    ``connect_timeout`` is in seconds, rounded up to whole attempts of Locust.
    """
    here = gevent.getcurrent()
    token.token()
    token.protect_sockets(lambda why: gevent.kill(here, Refused(f"{host}:{port}: {why}")))
    without_configuration()
    locust.runners.MASTER_HEARTBEAT_TIMEOUT = MASTER_TIMEOUT_S
    locust.runners.CONNECT_RETRY_COUNT = (connect_timeout - 1) // RETRY_INTERVAL_S
    environment = Environment(user_classes=[Stream], events=Events())
    try:
        runner = environment.create_worker_runner(host, port)
    except OSError as error:
        reason = str(error) or "no answer"
        raise NoMaster(f"no master at {host}:{port}: {reason}. Is loadgen run --master running?") from None
    # Locust watches a master from its first heartbeat on; this one may die before that.
    runner.last_heartbeat_timestamp = time.time()

    def leave() -> None:
        environment.events.quitting.fire(environment=environment)  # Locust notifies the master
        runner.quit()

    for number in end_signals():
        gevent.signal_handler(number, leave)
    worker = Worker(environment, Transport(runner), trust)
    worker.follow_master()
    runner.greenlet.join()
    for controller in worker.controllers.values():
        controller.kill()
    return environment.process_exit_code or 0


@contextmanager
def local_workers(count: int, host: str, port: int) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
    """Start workers on this machine; end them after the block, by SIGTERM and then by SIGKILL.

    They have sessions of their own: Ctrl-C reaches their master alone. They trust it, and have a token of their own.
    """
    command = [
        sys.executable,
        "-P",
        "-m",
        "loadgen",
        "worker",
        "--host",
        host,
        "--port",
        str(port),
        "--trust-master",
    ]
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


@contextmanager
def worker_pool(
    scenario: Scenario,
    overrides: Sequence[str | Override],
    listener: Listener,
    *,
    workers: int,
    host: str,
    port: int,
    start: bool,
) -> Iterator[Record]:
    """Run a Locust master in this process; start its workers, or wait for them; yield what runs a cell.

    Raises Refused where the port cannot be used, or the workers do not connect.
    """
    if not is_local(host) and scenario.target.simulator is not None:
        raise Refused(
            f"workers on other machines (--master-host {host}) cannot reach the scenario's simulator, which "
            "listens on this machine only: start loadgen simulate --host, and name it with --url"
        )
    free_port(host, port, "--master-port")
    if start:
        token.new_token()
    token.token()
    token.protect_sockets(listener.note)
    inbox.guard(listener.note)
    # Our own notes, and the workers themselves, report what goes wrong.
    logging.getLogger("locust").setLevel(logging.CRITICAL + 1)
    runner = Environment(events=Events()).create_master_runner(host, port)
    port = runner.server.port
    hears = listener
    coordinator = Coordinator(
        Transport(runner),
        listener.note,
        lambda _, update: hears.ended(update.rows.streams, lambda: update.recording),
    )

    def record(
        cell: Cell, of_cell: Listener, interrupted: Callable[[], bool], keep: Keep
    ) -> Sequence[Recording]:
        """Run ``cell``; return a recording for each worker. Raises CellError where none could start."""
        nonlocal hears
        hears = of_cell
        url = cell.url if scenario.target.simulator is not None else None
        coordinator.begin(
            scenario,
            overrides,
            url,
            [cell],
            scheduled=True,
            ca=cell.tls.ca if url else "",
            keep=lambda _, part: keep(part),
        )
        began = reported = time.monotonic()
        while not coordinator.over():
            gevent.sleep(CHECK_INTERVAL_S)
            if coordinator.failure is not None:
                raise coordinator.failure
            now = time.monotonic()
            if now - reported > UPDATE_INTERVAL_S:
                reported = now
                hears.progress(_progress(coordinator.assignments, now - began))
            if interrupted() or now > began + longest(cell):
                coordinator.end(0.0, END_TIMEOUT_S)
                break
        parts = coordinator.recordings(cell)
        if not parts:
            lost = [f"{each.worker}: {each.lost}" for each in coordinator.assignments]
            raise CellError("; ".join(lost) or "no worker is left")
        return parts

    with ExitStack() as stack:
        # A KeyboardInterrupt here was lost at times, it seems in one of gevent's callbacks; a flag is not.
        with interruptible(lambda: None) as interrupted:
            processes = stack.enter_context(local_workers(workers, host, port)) if start else []
            stack.callback(runner.quit)
            if not start:
                here = socket.gethostname() if host in ("0.0.0.0", "::") else host
                listener.note(f"waiting for {workers} workers: loadgen worker --host {here} --port {port}")
            until = time.monotonic() + CONNECT_TIMEOUT_S
            while (connected := len(coordinator.nodes())) < workers and not interrupted():
                if start and (time.monotonic() > until or any(each.poll() is not None for each in processes)):
                    raise Refused(f"only {connected} of {workers} workers started; their errors are above")
                gevent.sleep(CHECK_INTERVAL_S)
        if interrupted():
            raise KeyboardInterrupt
        stack.enter_context(_interrupts_here())
        yield record


@contextmanager
def _interrupts_here() -> Iterator[None]:
    """Raise KeyboardInterrupt in the greenlet of the block, whichever one a signal's handler happens to run in."""
    here = gevent.getcurrent()
    handlers = {int(number): signal.getsignal(number) for number in end_signals()}

    def handle(number: int, frame: FrameType | None) -> None:
        try:
            if callable(handler := handlers[number]):
                handler(number, frame)
        except KeyboardInterrupt:
            if gevent.getcurrent() is here:
                raise
            gevent.kill(here, KeyboardInterrupt)

    for number in handlers:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _progress(assignments: Sequence[Assignment], elapsed: float) -> Progress:
    outcomes = sum((each.outcomes for each in assignments), Counter[Outcome]())
    return Progress(
        elapsed=elapsed,
        open=sum(each.open for each in assignments),
        tokens=sum(each.tokens for each in assignments),
        ended=outcomes.total(),
        failed=outcomes.total() - outcomes[Outcome.OK] - outcomes[Outcome.STOPPED],
    )
