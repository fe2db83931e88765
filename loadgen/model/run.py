"""The run folder, typed as it is written to ``run.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from loadgen.model.clients import ClientId, Mode
from loadgen.model.findings import LeftOut
from loadgen.model.level import Level
from loadgen.model.prediction import Prediction, Speed
from loadgen.model.recording import Recording
from loadgen.model.scenario import Scenario
from loadgen.model.server import ServerInfo
from loadgen.model.stream import Outcome
from loadgen.model.synthetic import Calibration
from loadgen.model.watched import Source, Watched

if TYPE_CHECKING:
    from pathlib import Path

State = Literal["running", "complete", "interrupted", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineInfo:
    """The machine that measured."""

    system: str | None = None
    release: str | None = None
    machine: str | None = None
    processor: str | None = None
    cores: int | None = None
    memory_kib: int | None = None
    python: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """The requests before the first measurement, of which they are no part; the figures are those of the last.

    ``load_s`` is the time to load the model that the server reports, ``resident`` whether it had it in memory before,
    ``calibration`` by what the lengths of synthetic prompts are known.
    """

    requests: int
    outcome: Outcome
    error: str = ""
    status: int | None = None
    total_s: float | None = None
    ttft_s: float | None = None
    tokens: int = 0
    load_s: float | None = None
    resident: bool | None = None
    calibration: Calibration | None = None
    prompt_s: float | None = None  # of the first request, as the server reports it


@dataclass(frozen=True, slots=True, kw_only=True)
class CellInfo:
    """One cell of the plan, in the order run. ``ended`` is ``None`` before it ran, ``""`` when it ran to its end,
    otherwise why it did not; ``files`` are its recordings, named from the run folder. A cell that was measured again
    is there once for each ``attempt``, with the same index. ``engines`` share it, each on one of the ``cores``.
    """

    index: int
    client: ClientId
    mode: Mode
    level: Level
    repeat: int
    cores: tuple[int, ...] = ()
    attempt: int = 0
    ended: str | None = None
    at: str | None = None
    files: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    engines: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """``run.json``: the scenario as resolved, its secrets masked, versions, machine, seed, cells in order.

    ``server`` is what the target says of itself, ``server_after`` what it said at the end (of nothing where it did not
    answer), ``server_restarted`` whether another process served it then; ``watched`` is what was read beside the
    streams. ``resumed``: when the run was taken up again, after it had ended before its end. ``max_time_s``: the
    time after which ``--max-time`` ended it; ``None`` where it did not. ``speed`` is the machine's before the run, by
    which the ``predictions`` were made.
    """

    format: int
    loadgen: str
    name: str
    state: State
    started: str
    scenario: Scenario
    url: str
    seed: int
    versions: Mapping[str, str | None]
    machine: MachineInfo
    cells: tuple[CellInfo, ...]
    failure: str = ""
    ended: str | None = None
    server_cores: tuple[
        int, ...
    ] = ()  # that a target on this machine may use; empty: another's, or not known
    warm_up: WarmUp | None = None
    server: ServerInfo | None = None
    resumed: tuple[str, ...] = ()
    max_time_s: float | None = None
    server_after: ServerInfo | None = None
    server_restarted: bool = False
    watched: tuple[Source, ...] = ()
    speed: Speed | None = None
    predictions: tuple[Prediction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run on disk. ``info`` is run.json; ``left_out`` are the files that could not be read."""

    folder: Path
    info: RunInfo
    recordings: tuple[Recording, ...]
    left_out: tuple[LeftOut, ...] = ()
    watched: tuple[Watched, ...] = ()
