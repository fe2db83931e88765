"""Write a run to disk: its folder, its cells as they end, how it ended. Every command writes runs with this.

The state in ``run.json`` is ``running`` during the run, and stays so if the process is killed; then it is ``complete``,
``interrupted`` or ``failed``.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import loadgen
from loadgen import clients, store
from loadgen.exit_code import ExitCode
from loadgen.lab import environment
from loadgen.lab.masking import masked, shareable, without_secrets
from loadgen.lab.resume import Resumed
from loadgen.model import (
    Cell,
    CellInfo,
    Prediction,
    Recording,
    RunInfo,
    Scenario,
    ServerInfo,
    Source,
    Speed,
    State,
    WarmUp,
)
from loadgen.secrets import mask, mask_cut
from loadgen.simulator.process import SimulatorError


class CellError(Exception):
    """A cell could not be run at all, so the others cannot either."""


# What ends a run without being a mistake of ours.
FAILURES = (store.StoreError, SimulatorError, CellError, OSError)


@dataclass(frozen=True, slots=True)
class RunResult:
    """The folder of a run, and how the run ended; ``failure`` is empty when it could be finished."""

    folder: Path
    interrupted: bool
    failure: str

    def exit_code(self, verdict: ExitCode) -> ExitCode:
        """Return the exit code of the command; ``verdict`` is the one of its measurements."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        return ExitCode.NOT_MEASURED if self.failure else verdict


class RunWriter:
    """One run folder, from its making to its end. A context manager: leaving it ends the run.

    One of :data:`FAILURES` raised in the block becomes the run's ``failure`` and goes no further. The folder is
    made exclusively, so that two runs never share one; by default ``reports/<UTC time>-<folder_name>``, which is
    the scenario's name unless provided. Secrets are masked in all that is written.

    Raises :class:`~loadgen.store.StoreError` where the folder cannot be made.
    """

    def __init__(
        self,
        scenario: Scenario,
        url: str,
        cells: Sequence[Cell] = (),
        *,
        folder: Path | None = None,
        folder_name: str = "",
        interrupted: Callable[[], bool] = lambda: False,
        warm_up: WarmUp | None = None,
        server_cores: tuple[int, ...] = (),
        server: ServerInfo | None = None,
        resumed: Resumed | None = None,
        speed: Speed | None = None,
        predictions: tuple[Prediction, ...] = (),
    ) -> None:
        self._secrets = scenario.secrets
        self._interrupted = interrupted
        self._lock = threading.Lock()
        self._ended_early: dict[int, str] = {}  # cell index -> why
        started = datetime.now(UTC)
        info = described(scenario, url, cells, started=_utc(started))
        said = None if server is None else without_secrets(server, self._secrets)
        self.info = replace(
            info,
            server_cores=server_cores,
            warm_up=warm_up,
            server=said,
            speed=speed,
            predictions=predictions,
        )
        if resumed is None:
            self.folder = folder or _new_folder(folder_name or scenario.name, started)
            store.create(self.folder, self.info)
            self._locked = store.lock(self.folder)
        else:
            resumed.check(self.info)
            self.folder = resumed.run.folder
            self._locked = store.lock(self.folder)
            self.info = resumed.taken_up(self.info)
            self._write()

    def keep(self, cell: Cell, part: Recording) -> None:
        """Save what an engine has left so far of ``cell``, which goes on. Raises StoreError."""
        self._add(replace(_cell_info(cell), files=(self._save(cell, part)[1],)))

    def describe_after(self, server: ServerInfo | None, *, restarted: bool) -> None:
        """Write down what the target says of itself at the end. Raises StoreError."""
        after = without_secrets(server or ServerInfo(), self._secrets)
        before = self.info.server
        if before is None or (before.size_bytes is None and after.size_bytes is not None):
            before = (
                after if server is not None else None
            )  # nobody asked, or the model was not in memory then
        self._write(server=before, server_after=after, server_restarted=restarted)

    def watched(self, sources: Sequence[Source]) -> None:
        """Write down what is watched beside the streams. Raises StoreError."""
        with self._lock:
            before = [each for each in self.info.watched if each.file not in {own.file for own in sources}]
            self._write(watched=(*before, *sources))

    def shown(self, text: str) -> str:
        """Return a text without secrets."""
        return mask_cut(text, self._secrets)

    def time_over(self, seconds: float | None) -> None:
        """Write down that the run was ended after so many seconds. Raises StoreError."""
        self._write(max_time_s=seconds)

    def save(self, cell: Cell, parts: Sequence[Recording], *, cut: bool = False) -> Sequence[Recording]:
        """Save what ``cell`` left, a part for each engine; return the parts as saved, without secrets.

        A run fails if all parts of one of its cells ended early, unless we ``cut`` them short.

        A cell that was not planned is added to ``run.json``, with its level; an attempt that was saved before is
        replaced. Parts that were kept while the cell ran are returned whole. Raises StoreError.
        """
        saved = [self._save(cell, part) for part in parts]
        self._ended_early.pop(cell.index, None)
        early = {part.ended for part, _ in saved}
        if "" not in early and not cut and (early := early - {"interrupted"}):
            self._ended_early[cell.index] = "; ".join(sorted(early))
        done = replace(
            _cell_info(cell),
            ended="; ".join(dict.fromkeys(part.ended for part, _ in saved if part.ended)),
            at=_utc(datetime.now(UTC)),
            files=tuple(name for _, name in saved),
            workers=tuple(part.worker for part, _ in saved if part.worker),
        )
        done = self._add(done)
        if any(part.number for part, _ in saved):
            return store.load_cell(self.folder, done, self.info)
        return [part for part, _ in saved]

    def _save(self, cell: Cell, part: Recording) -> tuple[Recording, str]:
        part = replace(masked(part, self._secrets), attempt=cell.attempt)
        return part, store.save(self.folder, part)

    def _add(self, cell: CellInfo) -> CellInfo:
        """Put the state of a cell into ``run.json``; return it with all files. Parts are kept in their own threads."""
        with self._lock:
            cells = list(self.info.cells)
            known = [(each.index, each.attempt) for each in cells]
            if (own := (cell.index, cell.attempt)) in known:
                before = cells[known.index(own)]
                kept = before.files if before.ended is None else ()
                cell = replace(cell, files=tuple(dict.fromkeys((*kept, *cell.files))))
                if cell == before:
                    return cell
                cells[known.index(own)] = cell
            else:  # in the order run
                cells.insert(
                    max((n for n, each in enumerate(cells, 1) if each.ended is not None), default=0), cell
                )
            levels, scenario = {each.level for each in cells}, self.info.scenario
            if levels != set(scenario.levels):
                scenario = replace(scenario, levels=tuple(sorted(levels)))
            self._write(cells=tuple(cells), scenario=scenario)
            return cell

    @property
    def result(self) -> RunResult:
        """Return how the run ended."""
        return RunResult(self.folder, self._interrupted(), self.info.failure)

    def _write(self, **changes: Any) -> None:
        self.info = replace(self.info, **changes)
        store.write_info(self.folder, self.info)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        failure = ""
        if isinstance(error, KeyboardInterrupt):
            self._interrupted = lambda: True
        elif error is not None:
            failure = mask(str(error) or type(error).__name__, self._secrets)
        elif (early := self._ended_early) and not self._interrupted():
            cells = f"{len(early)} of {len({cell.index for cell in self.info.cells})} cells"
            failure = f"{cells} did not run to the end: {'; '.join(dict.fromkeys(early.values()))}"
        state: State = "failed" if failure else "interrupted" if self._interrupted() else "complete"
        try:
            self._write(state=state, failure=failure, ended=_utc(datetime.now(UTC)))
        except store.StoreError as full:
            self.info = replace(self.info, state="failed", failure=failure or str(full))
        store.unlock(self._locked)
        return isinstance(error, FAILURES)


def described(scenario: Scenario, url: str, cells: Sequence[Cell], *, started: str = "") -> RunInfo:
    """Return the description of a run that begins now; its secrets are masked."""
    return RunInfo(
        format=store.FORMAT,
        loadgen=loadgen.__version__,
        name=scenario.name,
        state="running",
        started=started,
        scenario=shareable(scenario),
        url=mask(url, scenario.secrets),
        seed=scenario.seed,
        versions=environment.versions(scenario.clients),
        machine=environment.machine(),
        cells=tuple(_cell_info(cell) for cell in cells),
    )


def _cell_info(cell: Cell) -> CellInfo:
    return CellInfo(
        index=cell.index,
        client=replace(cell.client, python=None),
        mode=clients.info(cell.client.name).mode,
        level=cell.level,
        repeat=cell.repeat,
        attempt=cell.attempt,
        cores=cell.cores,
        engines=cell.engines,
    )


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _new_folder(name: str, started: datetime) -> Path:
    """Make ``reports/<UTC time>-<name>``, numbered where that is taken, and return it."""
    slug = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "run"
    first = folder = Path("reports") / f"{started:%Y%m%dT%H%M%SZ}-{slug}"
    for number in itertools.count(2):
        try:
            folder.mkdir(parents=True)
            break
        except FileExistsError:
            folder = first.with_name(f"{first.name}-{number}")
        except OSError:
            break  # the store reports the reason
    return folder
