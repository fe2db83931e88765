"""Runs a scenario: every cell in its turn, each saved as it ends."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import loadgen
from loadgen import clients, interpreters, store
from loadgen.interpreters import InterpreterError
from loadgen.lab import cell as lab_cell
from loadgen.lab import limits, plan, target
from loadgen.lab.listener import Listener
from loadgen.model import (
    Cell,
    CellInfo,
    ClientId,
    Level,
    MachineInfo,
    Recording,
    RunInfo,
    Scenario,
    ServerLog,
    State,
)
from loadgen.scenario import shareable
from loadgen.secrets import mask, mask_cut
from loadgen.simulator.process import Process, SimulatorError

# Runs one cell, in as many pieces as there are engines; what is left of each.
Record = Callable[[Cell, Listener, Callable[[], bool], Callable[[], ServerLog | None]], Sequence[Recording]]

CELL_COST = 0.7  # seconds that a cell takes beside its streams, for the estimate


class Refused(Exception):
    """Nothing was measured: this machine, or what is installed on it, cannot run the scenario."""


class CellError(Exception):
    """A cell could not be run at all, so the others cannot either."""


@dataclass(frozen=True, slots=True)
class Ran:
    """Where the run lies and how it ended; ``failure`` is empty when nothing stood in its way."""

    folder: Path
    interrupted: bool
    failure: str


def alone(
    cell: Cell,
    listener: Listener,
    interrupted: Callable[[], bool],
    server: Callable[[], ServerLog | None],
) -> Sequence[Recording]:
    """Run a cell by one engine, here."""
    return [lab_cell.record(cell, listener, interrupted, server)]


def run(
    scenario: Scenario,
    folder: Path | None,
    listener: Listener,
    workers: contextlib.AbstractContextManager[Record] | None = None,
) -> Ran:
    """Run ``scenario`` into ``folder`` (by default ``reports/<UTC time>-<name>``), each cell by ``workers`` if given.

    They are begun when the target has answered; each holds its share against the limits of its machine.

    Raises Refused and :class:`~loadgen.store.StoreError` before anything is measured, and
    :class:`~loadgen.lab.target.TargetError` where the target is not there. The first Ctrl-C ends the cell
    that runs, keeps what it gave and returns; a second raises KeyboardInterrupt.
    """
    ready(scenario if workers is None else replace(scenario, levels=(Level(streams=1),)))
    limits.raise_open_files()
    cores = plan.cores()
    with contextlib.ExitStack() as stack:
        server = None
        if scenario.target.simulator is not None:
            server = stack.enter_context(Server(scenario, cores.simulator))
        url = server.url if server else scenario.target.url
        assert url is not None
        cells = plan.cells(scenario, url, cores.engine)
        if server is None:
            check(cells[0], scenario.secrets)
        record = alone if workers is None else stack.enter_context(workers)
        started = datetime.now(UTC)
        folder = folder or new_folder(scenario, started)
        info = run_info(scenario, url, started, cells)
        interrupted = stack.enter_context(interruptible(listener))
        store.create(folder, info)
        stack.enter_context(pinned(cores.lab))
        return _cells(
            scenario,
            cells,
            folder,
            info,
            record=record,
            server=server,
            interrupted=interrupted,
            listener=listener,
        )


def _cells(
    scenario: Scenario,
    cells: Sequence[Cell],
    folder: Path,
    info: RunInfo,
    *,
    record: Record,
    server: Server | None,
    interrupted: Callable[[], bool],
    listener: Listener,
) -> Ran:
    failure = ""
    listener.begin(cells, sum(_seconds(scenario, cell) for cell in cells))
    try:
        for place, cell in enumerate(cells):
            if interrupted():
                break
            listener.cell_begins(cell)
            if server is not None:
                server.ready(listener)
                cell = replace(cell, url=server.url)  # noqa: PLW2901
            parts = [
                masked(part, scenario.secrets)
                for part in record(cell, listener, interrupted, server.record if server else no_record)
            ]
            files = [store.save(folder, part) for part in parts]
            done = ended(info.cells[place], parts, files)
            info = replace(info, cells=(*info.cells[:place], done, *info.cells[place + 1 :]))
            store.write_info(folder, info)
            listener.cell_ends(parts)
    except (store.StoreError, SimulatorError, CellError, OSError) as error:
        failure = mask(str(error), scenario.secrets)
    finally:
        listener.end()
    state: State = "failed" if failure else "interrupted" if interrupted() else "complete"
    try:
        store.write_info(folder, replace(info, state=state, failure=failure, ended=now()))
    except store.StoreError as error:
        failure = failure or str(error)
    return Ran(folder, interrupted(), failure)


def ready(scenario: Scenario) -> None:
    """Raise Refused where a client is not installed or a limit of this machine is too low."""
    missing = [text for client in scenario.clients if (text := _missing(client))]
    if missing:
        raise Refused("\n".join(dict.fromkeys(missing)))
    threads = any(clients.entry(client.name).mode == "threads" for client in scenario.clients)
    most = max(level.streams or 0 for level in scenario.levels)
    short = [str(limit) for limit in limits.limits(most, threads) if limit.fatal and not limit.ok]
    if short:
        raise Refused(f"{most:,} simultaneous streams do not fit this machine:\n" + "\n".join(short))


def _missing(client: ClientId) -> str:
    """What the client cannot run without, and how to have it; empty when all is there."""
    if client.python is None:
        if clients.version(client.name) is None:
            return f"{client.name} is not installed; install it: {clients.install(client.name)}"
        driver = clients.beneath(client)
        if driver and clients.installed(driver) is None:
            return f"{client.label} needs {driver}; install it: pip install {driver}"
        return ""
    try:
        interpreters.inside(client)
    except InterpreterError as error:
        return f"{client.label}: {client.python} {error}"
    return ""


def check(cell: Cell, secrets: frozenset[str]) -> None:
    """Raise TargetError, without the secrets, where the target is not there."""
    try:
        target.check(cell)
    except target.TargetError as error:
        raise target.TargetError(mask_cut(str(error), secrets)) from None


class Server:
    """The embedded simulator; started again when it has died."""

    def __init__(self, scenario: Scenario, cores: tuple[int, ...]) -> None:
        assert scenario.target.simulator is not None
        self._spec = scenario.target.simulator
        self._cores = cores
        self._process = Process.start(self._spec, cores=cores)

    @property
    def url(self) -> str:
        return self._process.url

    @property
    def pid(self) -> int:
        return self._process.pid

    def ready(self, listener: Listener) -> None:
        """Let its record begin anew."""
        try:
            self._process.reset()
        except SimulatorError as error:
            listener.note(f"{error}; it is started again")
            self._process.stop()
            self._process = Process.start(self._spec, cores=self._cores)

    def record(self) -> ServerLog | None:
        """What it did since; None where it does not answer."""
        try:
            return self._process.record()
        except SimulatorError:
            return None

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()


def no_record() -> None:
    """What a server tells that is not ours."""
    return None


def ended(info: CellInfo, parts: Sequence[Recording], files: Sequence[str]) -> CellInfo:
    """Return what run.json says of a cell that has ended."""
    return replace(
        info,
        ended="; ".join(dict.fromkeys(part.ended for part in parts if part.ended)),
        at=now(),
        files=tuple(files),
        workers=tuple(part.worker for part in parts if part.worker),
    )


def masked(recording: Recording, secrets: frozenset[str]) -> Recording:
    """The recording without the secrets that errors may quote."""
    if not secrets:
        return recording
    errors = recording.streams["error"].copy()
    shown = {text: mask_cut(text, secrets) for text in set(errors)}
    errors[:] = [shown[text] for text in errors]
    return replace(
        recording, streams={**recording.streams, "error": errors}, ended=mask_cut(recording.ended, secrets)
    )


def _seconds(scenario: Scenario, cell: Cell) -> float:
    simulator = scenario.target.simulator
    one = simulator.ttft + simulator.gap * simulator.tokens if simulator else 0.0
    if cell.workload.load.seconds is not None:
        return cell.workload.load.seconds + one + CELL_COST
    return cell.workload.load.ramp + (cell.workload.load.requests or 1) * one + CELL_COST


def run_info(scenario: Scenario, url: str, started: datetime, cells: Sequence[Cell]) -> RunInfo:
    """Return run.json as the run begins."""
    return RunInfo(
        format=store.FORMAT,
        loadgen=loadgen.__version__,
        name=scenario.name,
        state="running",
        started=f"{started:%Y-%m-%dT%H:%M:%SZ}",
        scenario=shareable(scenario),
        url=mask(url, scenario.secrets),
        seed=scenario.seed,
        versions=_versions(scenario),
        machine=machine(),
        cells=tuple(cell_info(cell) for cell in cells),
    )


def cell_info(cell: Cell) -> CellInfo:
    """Return what run.json says of a cell before it runs."""
    return CellInfo(
        index=cell.index,
        client=replace(cell.client, python=None),
        mode=clients.entry(cell.client.name).mode,
        level=cell.level,
        repeat=cell.repeat,
        cores=cell.cores,
    )


def _versions(scenario: Scenario) -> Mapping[str, str | None]:
    """Of every library, by client; of those in interpreters of their own, and of these, by what the label says."""
    told: dict[str, str | None] = {"python": platform.python_version()}
    for client in sorted(scenario.clients, key=lambda client: (client.python is not None, client.name)):
        driver = clients.beneath(client)
        if client.python is None:
            told[client.name] = clients.version(client.name)
            if driver:
                told[driver] = clients.installed(driver)
        else:
            where, inside = f"python={client.options['python']}", interpreters.inside(client)
            told[where] = f"{interpreters.look(client.python)}, {client.python}"
            told[f"{client.name} {where}"] = f"{inside.version}, GIL {'on' if inside.gil else 'off'}"
            if driver:
                told[f"{driver} {where}"] = inside.beneath
    return told


def machine() -> MachineInfo:
    """Return what this machine is, for the record."""
    return MachineInfo(
        system=platform.system(),
        release=platform.release(),
        machine=platform.machine(),
        processor=_first_match("/proc/cpuinfo", r"model name\s*:\s*(.+)"),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        memory_kib=int(_first_match("/proc/meminfo", r"MemTotal:\s*(\d+)") or 0) or None,
        python=f"{platform.python_implementation()} {platform.python_version()}",
    )


def _first_match(path: str, pattern: str) -> str | None:
    try:
        found = re.search(pattern, Path(path).read_text())
    except OSError:
        return None
    return found[1].strip() if found else None


def now() -> str:
    """The present second, UTC."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def new_folder(scenario: Scenario, started: datetime) -> Path:
    """Where a run goes unless told: ``reports/<UTC time>-<name>``, numbered where that is taken."""
    return _free(Path("reports") / f"{started:%Y%m%dT%H%M%SZ}-{_slug(scenario.name)}")


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "run"


def _free(folder: Path) -> Path:
    taken, number = folder, 2
    while taken.exists():
        taken, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return taken


@contextlib.contextmanager
def pinned(cores: tuple[int, ...]) -> Iterator[None]:
    """This process on ``cores`` for as long; anywhere where there are none."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class _Interrupts:
    """Whether Ctrl-C or SIGTERM came; a second one raises KeyboardInterrupt at once."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._came = self._told = 0

    def __call__(self) -> bool:
        # Not from the handler: it may stand in the middle of another line that is being printed.
        if self._told < self._came:
            self._told = self._came
            self._listener.note(
                "interrupted: ending this cell, keeping what was measured; once more ends at once"
            )
        return self._came > 0

    def come(self, _: int, __: FrameType | None) -> None:
        """The handler of the signals."""
        self._came += 1
        if self._came > 1:
            raise KeyboardInterrupt


@contextlib.contextmanager
def interruptible(listener: Listener) -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM came, once; a second one raises KeyboardInterrupt."""
    interrupts = _Interrupts(listener)
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.signal(number, interrupts.come) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
